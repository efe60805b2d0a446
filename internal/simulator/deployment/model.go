package deployment

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Model is a running deployment. Its methods may be called from any goroutine.
type Model struct {
	description Deployment
	scale       float64
	disks       string
	record      *record
	context     context.Context
	cancel      context.CancelFunc
	processes   sync.WaitGroup

	mu          sync.Mutex
	closed      bool
	changed     chan struct{}
	random      *rand.Rand
	hosts       map[string]*Host
	order       []*Host
	pools       []*pool
	packages    []*updatePackage
	sql         []*sqlServer
	faults      []*Fault
	faultSerial int
	nextProcess int
}

type pool struct {
	description Pool
	members     []*Host
	// serial counts every change of which front ends serve; a readiness answer is worth nothing after the next one.
	serial       int
	settledAt    time.Time
	readyHanded  map[string]int
	openDomain   string
	visited      map[*Host]bool
	failed       *Host
	failedReason string
	losing       bool
	visible      map[*Host]membership
	// registrar is where the users are, in the words of its configuration; empty is Active.
	registrar string
	// placement holds the front ends with a replica of each routing group, the primary first.
	placement [][]*Host
}

type updatePackage struct {
	Package
	contents []byte
	sha256   string
}

// Options of a model.
type Options struct {
	// TimeScale divides every duration of the description; 0 means 1.
	TimeScale float64
	// Disks is a folder that gets one folder for each host, with its files on drive C. They are kept when the model ends. Empty
	// means that files are in memory only.
	Disks string
}

// New starts the model of a description that ParseYAML returned. Every host is up, every service runs. Close ends it.
func New(description Deployment, options Options) (*Model, error) {
	if options.TimeScale < 0 {
		return nil, fmt.Errorf("deployment: time scale %v is negative", options.TimeScale)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &Model{
		description: description, scale: cmp.Or(options.TimeScale, 1), disks: options.Disks, record: &record{}, context: ctx, cancel: cancel,
		changed: make(chan struct{}), random: rand.New(rand.NewPCG(description.Seed, 1)), hosts: map[string]*Host{},
	}
	now := time.Now()
	for _, hd := range description.Hosts {
		h := newHost(m, hd, now)
		m.hosts[strings.ToLower(hd.FQDN)] = h
		m.order = append(m.order, h)
	}
	for _, pd := range description.Pools {
		p := &pool{description: pd, readyHanded: map[string]int{}, visited: map[*Host]bool{}, visible: map[*Host]membership{}}
		for _, fe := range slices.Concat(pd.FrontEnds, pd.Spares) {
			h := m.hosts[strings.ToLower(fe)]
			if h == nil {
				cancel()
				return nil, fmt.Errorf("deployment: pool %s names %s, which is no host; was the description parsed?", pd.FQDN, fe)
			}
			h.pool = p
			h.databases = newHostDatabases(pd)
			if containsName(pd.Spares, fe) {
				continue
			}
			p.members = append(p.members, h)
			p.visible[h] = membership{serves: h.serves(), inFabric: h.inFabric()}
		}
		p.place()
		m.pools = append(m.pools, p)
	}
	for _, sd := range description.SQLServers {
		m.sql = append(m.sql, newSQLServer(sd))
	}
	for _, pkg := range description.Packages {
		m.packages = append(m.packages, newPackage(pkg, description.Seed))
	}
	for _, f := range description.Faults {
		if _, err := m.AddFault(f); err != nil {
			cancel()
			return nil, fmt.Errorf("deployment: faults: %w", err)
		}
	}
	return m, nil
}

func newPackage(p Package, seed uint64) *updatePackage {
	contents := []byte(p.Contents)
	if len(contents) == 0 {
		source := sha256.Sum256([]byte(p.Sources[0]))
		random := rand.NewChaCha8(source)
		contents = make([]byte, p.Size)
		_, _ = random.Read(contents)
		copy(contents, fmt.Sprintf("MZ update package %d %s", seed, p.Sources[0]))
	}
	sum := sha256.Sum256(contents)
	return &updatePackage{Package: p, contents: contents, sha256: hex.EncodeToString(sum[:])}
}

// diskOf is the folder with a host's drive C, empty when it is in memory.
func (m *Model) diskOf(fqdn string) string {
	if m.disks == "" {
		return ""
	}
	return filepath.Join(m.disks, strings.ToLower(fqdn), "drive_c")
}

// Close ends everything that runs on the hosts and waits for it.
func (m *Model) Close() {
	m.mu.Lock()
	m.closed = true
	m.cancel()
	m.notify()
	m.mu.Unlock()
	m.processes.Wait()
}

// Description is what the model was started from.
func (m *Model) Description() Deployment { return m.description }

// Scaled is how long a modelled duration takes, jitter included.
func (m *Model) Scaled(d time.Duration) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.scaled(d)
}

func (m *Model) scaled(d time.Duration) time.Duration {
	factor := 1 + m.description.Jitter*(2*m.random.Float64()-1)
	return time.Duration(float64(d) / m.scale * factor)
}

// Host finds a host by its FQDN, or its NetBIOS name.
func (m *Model) Host(name string) (*Host, bool) {
	if h, ok := m.hosts[strings.ToLower(name)]; ok {
		return h, true
	}
	for _, h := range m.order {
		if sameName(h.description.NetBIOS, name) {
			return h, true
		}
	}
	return nil, false
}

// Hosts lists all hosts in the order of the description.
func (m *Model) Hosts() []*Host { return slices.Clone(m.order) }

// ServingFrontEnd is a front end of the pool that serves, as a name server with health checks would give it; when none
// does, one that is at least up; otherwise the first.
func (m *Model) ServingFrontEnd(poolFQDN string) (*Host, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pool(poolFQDN)
	if p == nil {
		return nil, false
	}
	var up []*Host
	var serving []*Host
	for _, h := range p.members {
		if h.power == powerOn {
			up = append(up, h)
			if h.serves() {
				serving = append(serving, h)
			}
		}
	}
	for _, list := range [][]*Host{serving, up} {
		if len(list) > 0 {
			return list[m.random.IntN(len(list))], true
		}
	}
	return p.members[0], true
}

func (m *Model) pool(fqdn string) *pool {
	for _, p := range m.pools {
		if sameName(p.description.FQDN, fqdn) {
			return p
		}
	}
	return nil
}

// Password is the password of an account. A user may be given as user, DOMAIN\user in user, or with the domain apart.
func (m *Model) Password(user, domain string) (string, bool) {
	if before, after, found := strings.Cut(user, `\`); found {
		domain, user = before, after
	} else if before, after, found := strings.Cut(user, "@"); found {
		user, domain = before, after
	}
	for _, a := range m.description.Accounts {
		short, _, _ := strings.Cut(domain, ".")
		if sameName(a.User, user) && (domain == "" || a.Domain == "" || sameName(a.Domain, domain) || sameName(a.Domain, short)) {
			return a.Password, true
		}
	}
	return "", false
}

// notify wakes everybody who waits for a change. It expects the lock to be held.
func (m *Model) notify() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// wait returns when the condition holds, or with the cause of the context's end. It expects the lock to be held, and
// holds it when it returns and while the condition is evaluated.
func (m *Model) wait(ctx context.Context, condition func() bool) error {
	for !condition() {
		changed := m.changed
		m.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		case <-m.context.Done():
		}
		m.mu.Lock()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if m.closed {
			return ErrClosed
		}
	}
	return nil
}

// wait is the model's wait, and also ends when the host goes down: whatever the condition waits for looks different then.
func (h *Host) wait(ctx context.Context, condition func() bool) error {
	generation := h.generation
	err := h.model.wait(ctx, func() bool { return h.generation != generation || condition() })
	if err == nil && h.generation != generation {
		return ErrHostDown
	}
	return err
}

// ErrClosed is returned by what was under way when the model was closed.
var ErrClosed = errors.New("the deployment was closed")

// after runs f, with the lock held, when the modelled duration has passed, unless the host has gone down since.
func (h *Host) after(d time.Duration, f func()) { h.afterWall(h.model.scaled(d), f) }

func (h *Host) afterWall(d time.Duration, f func()) {
	m, generation := h.model, h.generation
	time.AfterFunc(d, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.closed || h.generation != generation {
			return
		}
		f()
		m.notify()
	})
}

// PackageContents is the file behind an address, as a download or copy would bring it.
func (m *Model) PackageContents(source string) ([]byte, bool) {
	if p := m.packageAt(source); p != nil {
		return slices.Clone(p.contents), true
	}
	return nil, false
}

func (m *Model) packageAt(source string) *updatePackage {
	for _, p := range m.packages {
		if containsName(p.Sources, source) {
			return p
		}
	}
	return nil
}

// PackageDigest is the lower-case hexadecimal SHA-256 of the package behind an address, and its size in bytes.
func (m *Model) PackageDigest(source string) (digest string, size int, found bool) {
	if p := m.packageAt(source); p != nil {
		return p.sha256, len(p.contents), true
	}
	return "", 0, false
}

// Pools lists the FQDNs of all pools.
func (m *Model) Pools() []string {
	names := make([]string, 0, len(m.pools))
	for _, p := range m.pools {
		names = append(names, p.description.FQDN)
	}
	return names
}

// PoolDescription finds a pool by its FQDN.
func (m *Model) PoolDescription(fqdn string) (Pool, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.pool(fqdn); p != nil {
		return p.description, true
	}
	return Pool{}, false
}

// Changed is closed at the next change of anything in the model.
func (m *Model) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

func (p *pool) domainOf(h *Host) string {
	for _, d := range p.description.UpgradeDomains {
		if containsName(d.FrontEnds, h.description.FQDN) {
			return d.Name
		}
	}
	return ""
}

func (p *pool) enterprise() bool { return p.description.Edition == Enterprise && !p.ofRole() }

// vector evaluates a property of every front end in topology order.
func (p *pool) vector(property func(*Host) bool) []bool {
	list := make([]bool, len(p.members))
	for i, h := range p.members {
		list[i] = property(h)
	}
	return list
}

func (p *pool) count(property func(*Host) bool) int {
	n := 0
	for _, h := range p.members {
		if property(h) {
			n++
		}
	}
	return n
}

func (p *pool) snapshot() (serving []string, out map[string]string) {
	serving, out = []string{}, map[string]string{}
	for _, h := range p.members {
		if h.serves() {
			serving = append(serving, h.description.FQDN)
		}
		if h.out != nil {
			out[h.description.FQDN] = h.out.Command
		}
	}
	return serving, maps.Clone(out)
}
