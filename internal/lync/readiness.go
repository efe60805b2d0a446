package lync

// ReadinessState is the word Get-CsPoolUpgradeReadinessState gave, which may be one that is not listed here.
type ReadinessState string

// The states Microsoft documents.
const (
	ReadinessReady                       ReadinessState = "Ready"
	ReadinessBusy                        ReadinessState = "Busy"
	ReadinessInsufficientActiveFrontEnds ReadinessState = "InsufficientActiveFrontEnds"
)

// PoolReadiness is what a pool says about taking a server out of service.
type PoolReadiness struct {
	PoolFQDN string         `json:"poolFqdn"`
	State    ReadinessState `json:"state"`
	// TotalFrontends and TotalActiveFrontends are 0 when the cmdlet did not say.
	TotalFrontends       int                      `json:"totalFrontends,omitempty"`
	TotalActiveFrontends int                      `json:"totalActiveFrontends,omitempty"`
	UpgradeDomains       []UpgradeDomainReadiness `json:"upgradeDomains"`
	// Raw is the cmdlet's answer as JSON text, for people.
	Raw string `json:"raw"`
}

// UpgradeDomainReadiness is one upgrade domain, exactly as reported, duplicates included.
type UpgradeDomainReadiness struct {
	Name              string   `json:"name"`
	IsReadyForUpgrade bool     `json:"isReadyForUpgrade"`
	Frontends         []string `json:"frontends"`
}
