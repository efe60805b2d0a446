package lync

// Check is one thing looked at before any work.
type Check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Found is what was seen, for people.
	Found string `json:"found"`
	// Remedy is what to do when OK is false.
	Remedy string `json:"remedy"`
}

// PreflightQuestion says what is looked at on a server.
type PreflightQuestion struct {
	PoolFQDN string `json:"poolFqdn"`
	// OutsideDomain leaves out what needs the central management store: a server in the perimeter network cannot reach it.
	OutsideDomain bool `json:"outsideDomain,omitempty"`
	// JobAccount is the account whose right to log on as a batch job is looked at; empty for none.
	JobAccount string `json:"jobAccount,omitempty"`
}
