package deployment

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"
)

// Duration is a time span written as Go writes it ("90s", "20m"). It is a length in the modelled world; the model
// divides it by its time scale.
type Duration time.Duration

// UnmarshalYAML reads a duration and says on which line a bad one stands.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error {
	parsed, err := time.ParseDuration(node.Value)
	if err != nil || parsed < 0 {
		return fmt.Errorf("line %d: %q is not a duration such as 90s or 20m", node.Line, node.Value)
	}
	*d = Duration(parsed)
	return nil
}

// MarshalYAML writes a duration as it is read.
func (d Duration) MarshalYAML() (any, error) { return time.Duration(d).String(), nil }

// Deployment describes everything the model starts from. Only pools are required; the rest has defaults.
type Deployment struct {
	// Seed makes jitter repeatable.
	Seed uint64 `yaml:"seed"`
	// Jitter is the largest part by which a duration may differ from what is written here (0.05 is five per cent).
	Jitter float64 `yaml:"jitter"`
	// Product begins the name of every component. Default: Microsoft Lync Server 2013.
	Product string `yaml:"product"`
	// Build is the version of every component that does not name its own. Default: the first build of the product.
	Build string `yaml:"build"`
	// Timing holds the durations of hosts that do not name their own.
	Timing     Timing      `yaml:"timing"`
	Accounts   []Account   `yaml:"accounts"`
	Packages   []Package   `yaml:"packages"`
	SQLServers []SQLServer `yaml:"sqlServers"`
	Pools      []Pool      `yaml:"pools"`
	// Hosts adds hosts and overrides those that pools and SQL servers imply.
	Hosts  []HostDescription `yaml:"hosts"`
	Faults []Fault           `yaml:"faults"`
}

// Timing says how long things take before they are divided by the time scale.
type Timing struct {
	// Drain is how long existing sessions last after a graceful stop; Stop is how long services then need to end.
	Drain Duration `yaml:"drain"`
	Stop  Duration `yaml:"stop"`
	// Start is how long a service needs to start.
	Start Duration `yaml:"start"`
	// Shutdown is the time from the order to the moment the host is gone, Boot from there until it answers again.
	Shutdown Duration `yaml:"shutdown"`
	Boot     Duration `yaml:"boot"`
	// Settling is how long a pool needs to build replicas after a front end came or went.
	Settling Duration `yaml:"settling"`
	// DatabaseUpdate is how long Install-CsDatabase takes, Copy how long staging a package takes.
	DatabaseUpdate Duration `yaml:"databaseUpdate"`
	Copy           Duration `yaml:"copy"`
	// Cmdlet is how long a Lync cmdlet that only asks takes.
	Cmdlet Duration `yaml:"cmdlet"`
	// QuorumLoss is how long the remaining front ends of a pool run after it lost its quorum.
	QuorumLoss Duration `yaml:"quorumLoss"`
	// PoolFailOver is how long it takes to move the users of a pool to its backup pool, or back.
	PoolFailOver Duration `yaml:"poolFailOver"`
}

// Account is a user who may log on to every host.
type Account struct {
	User     string `yaml:"user"`
	Domain   string `yaml:"domain"`
	Password string `yaml:"password"`
}

// Package is an update package.
type Package struct {
	// Sources are the addresses (https URL, UNC or local path) it can be fetched from.
	Sources []string `yaml:"sources"`
	// Contents is the file itself. When it is empty, Size bytes (default 4096) are made up from the first source's name.
	Contents string `yaml:"contents"`
	Size     int    `yaml:"size"`
	// Build is the version every component present gets; Components, by the part of the name after the comma, overrides it.
	Build      string            `yaml:"build"`
	Components map[string]string `yaml:"components"`
	// Databases are the schema versions the new build expects, by database name. The rest stay as they are.
	Databases map[string]string `yaml:"databases"`
	Duration  Duration          `yaml:"duration"`
	ExitCode  int               `yaml:"exitCode"`
	// StartsServices makes the installer start the Lync services at its end, as the August 2014 update did.
	StartsServices bool `yaml:"startsServices"`
}

// SQLServer is a SQL Server with its instances.
type SQLServer struct {
	FQDN      string        `yaml:"fqdn"`
	Instances []SQLInstance `yaml:"instances"`
	// Mirror is the SQL server that holds the mirrors, empty for none; MirrorPrincipal says that it is principal now.
	Mirror          string `yaml:"mirror"`
	MirrorPrincipal bool   `yaml:"mirrorPrincipal"`
	// Listener is the availability group listener through which the databases are reached; empty for none.
	Listener string `yaml:"listener"`
	// CentralManagement says that xds and lis here are the central management store, which only a call of its own updates.
	CentralManagement bool `yaml:"centralManagement"`
	// Administrators are the accounts (DOMAIN\user) that may change databases from a job. Empty: anyone.
	Administrators []string `yaml:"administrators"`
}

// SQLInstance is one instance. Without databases it gets those of a pool.
type SQLInstance struct {
	Name      string     `yaml:"name"`
	Databases []Database `yaml:"databases"`
}

// Database is a database and the schema version it starts with.
type Database struct {
	Name    string `yaml:"name"`
	Version string `yaml:"version"`
}

// Editions of a pool.
const (
	Enterprise = "Enterprise"
	Standard   = "Standard"
)

// Pool is a pool of front ends, or a Standard Edition server.
type Pool struct {
	FQDN    string `yaml:"fqdn"`
	Edition string `yaml:"edition"`
	// FrontEnds are the servers in topology order. A Standard Edition pool has the one that bears its name.
	FrontEnds []string `yaml:"frontEnds"`
	// Spares are servers that are set up like the front ends and are not in the topology, until SetTopology names them.
	Spares []string `yaml:"spares"`
	// UpgradeDomains default to one domain for each front end.
	UpgradeDomains []Domain `yaml:"upgradeDomains"`
	// Product and Build of what is installed on its servers; by default those of the deployment, or the product's first build.
	Product string `yaml:"product"`
	Build   string `yaml:"build"`
	// Role is FrontEnd (default), Edge, Director, Mediation or PersistentChat. FrontEnds are its servers in any case.
	Role string `yaml:"role"`
	// AnnouncedDowntime says that users of a pool of another role know that it will be away.
	AnnouncedDowntime bool   `yaml:"announcedDowntime"`
	SQLServer         string `yaml:"sqlServer"`
	SQLInstance       string `yaml:"sqlInstance"`
	// OtherStores are the SQL servers that hold the pool's archiving and monitoring databases, where they are not SQLServer.
	OtherStores []string `yaml:"otherStores"`
	// BackupPool is the pool it is paired with for disaster recovery; the pairing is to be declared on both.
	BackupPool string `yaml:"backupPool"`
	// NextHop of a pool of role Edge is the pool that it hands its traffic to.
	NextHop           string `yaml:"nextHop"`
	CentralManagement bool   `yaml:"centralManagement"`
}

// Domain is an upgrade domain.
type Domain struct {
	Name      string   `yaml:"name" json:"name"`
	FrontEnds []string `yaml:"frontEnds" json:"frontEnds"`
}

// HostDescription is one Windows server.
type HostDescription struct {
	FQDN    string `yaml:"fqdn"`
	NetBIOS string `yaml:"netbios"`
	// Components and Services default to those of the host's role; a host of no pool has none.
	Components []Component          `yaml:"components"`
	Services   []ServiceDescription `yaml:"services"`
	Timing     Timing               `yaml:"timing"`
	// WinRM is open (default) or closed: nothing answers on the host's port.
	WinRM string `yaml:"winRM"`
	// FreeDiskBytes defaults to 50 GiB.
	FreeDiskBytes int64 `yaml:"freeDiskBytes"`
	// BatchLogon are the accounts and groups that may log on as a batch job; left out, those of a fresh Windows, administrators among them.
	// DenyBatchLogon are those that may not, whatever else they may.
	BatchLogon     []string `yaml:"batchLogon"`
	DenyBatchLogon []string `yaml:"denyBatchLogon"`
}

// Component is an installed Lync component.
type Component struct {
	Name    string `yaml:"name" json:"name"`
	Version string `yaml:"version" json:"version"`
}

// ServiceDescription is a Windows service. Empty fields take the default of the service of that name.
type ServiceDescription struct {
	Name        string   `yaml:"name"`
	DisplayName string   `yaml:"displayName"`
	StartType   string   `yaml:"startType"`
	Stopped     bool     `yaml:"stopped"`
	DependsOn   []string `yaml:"dependsOn"`
	// Lync says that Get-CsWindowsService lists it.
	Lync  bool     `yaml:"lync"`
	Drain Duration `yaml:"drain"`
	Stop  Duration `yaml:"stop"`
	Start Duration `yaml:"start"`
}
