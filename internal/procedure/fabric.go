package procedure

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"lyncops.dev/operator/api/v1alpha1"
)

// Placement is where the replicas of a pool's routing groups are. Get-CsPoolFabricState prints it for people, in a form that no
// source shows in full: what is taken out of it is only what can hardly be meant otherwise.
type Placement struct {
	// Groups in the order in which they were printed; none when the text could not be read.
	Groups []GroupPlacement
	// Down are front ends that the text calls down.
	Down []string
}

// GroupPlacement is one routing group: the front end with its primary replica, and those with its secondaries in alphabetical order.
type GroupPlacement struct {
	Name        string
	Primary     string
	Secondaries []string
}

var (
	groupName  = regexp.MustCompile(`(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	fabricWord = regexp.MustCompile(`[A-Za-z0-9][A-Za-z0-9.-]*`)
)

// ReadPlacement takes the placement out of what Get-CsPoolFabricState printed, for the front ends of the pool. A routing group is known by
// its GUID; a line with one begins it. In it and in the lines that follow, "Primary" or "Secondary" beside the name of a front
// end is a replica. A front end on a line with the word DOWN is down.
func ReadPlacement(text string, frontEnds []string) Placement {
	var placement Placement
	for line := range strings.Lines(text) {
		if name := groupName.FindString(line); name != "" {
			line = strings.Replace(line, name, " ", 1)
			if name = strings.ToLower(name); len(placement.Groups) == 0 || placement.Groups[len(placement.Groups)-1].Name != name {
				placement.Groups = append(placement.Groups, GroupPlacement{Name: name})
			}
		}
		placement.readLine(line, frontEnds)
	}
	placement.Groups = slices.DeleteFunc(placement.Groups, func(group GroupPlacement) bool { return group.Primary == "" && len(group.Secondaries) == 0 })
	for i := range placement.Groups {
		slices.Sort(placement.Groups[i].Secondaries)
	}
	return placement
}

func (p *Placement) readLine(line string, frontEnds []string) {
	role, pending, down, named := "", "", false, ""
	for _, word := range fabricWord.FindAllString(line, -1) {
		switch strings.ToLower(strings.TrimSuffix(word, ".")) {
		case "primary", "secondary":
			if role = strings.ToLower(word); pending != "" {
				p.add(role, pending)
				role, pending = "", ""
			}
			continue
		case "down":
			down = true
			continue
		}
		server := frontEndNamed(word, frontEnds)
		if server == "" {
			continue
		}
		named = server
		if role == "" {
			pending = server
			continue
		}
		p.add(role, server)
		role = ""
	}
	if down && named != "" && !slices.Contains(p.Down, named) {
		p.Down = append(p.Down, named)
	}
}

func (p *Placement) add(role, server string) {
	if len(p.Groups) == 0 {
		return
	}
	group := &p.Groups[len(p.Groups)-1]
	if role == "primary" {
		group.Primary = server
	} else if !slices.Contains(group.Secondaries, server) {
		group.Secondaries = append(group.Secondaries, server)
	}
}

// frontEndNamed is the front end that a word names in full or by its first label, in lower case; empty when it names none.
func frontEndNamed(word string, frontEnds []string) string {
	word = strings.ToLower(strings.Trim(word, "."))
	for _, frontEnd := range frontEnds {
		frontEnd = strings.ToLower(frontEnd)
		if short, _, _ := strings.Cut(frontEnd, "."); word == frontEnd || word == short {
			return frontEnd
		}
	}
	return ""
}

// Readable says whether any routing group was found.
func (p *Placement) Readable() bool { return len(p.Groups) > 0 }

// Lines is one line a routing group, to be kept: its name, and the front ends with its replicas, the primary first ("-" when there is none).
func (p *Placement) Lines() []string {
	var lines []string
	for _, group := range p.Groups {
		primary := group.Primary
		if primary == "" {
			primary = "-"
		}
		lines = append(lines, group.Name+": "+strings.Join(append([]string{primary}, group.Secondaries...), ", "))
	}
	return lines
}

// PlacementOf reads what Lines wrote.
func PlacementOf(lines []string) Placement {
	var placement Placement
	for _, line := range lines {
		name, replicas, _ := strings.Cut(line, ": ")
		servers := strings.Split(replicas, ", ")
		group := GroupPlacement{Name: name, Primary: strings.TrimPrefix(servers[0], "-"), Secondaries: servers[1:]}
		placement.Groups = append(placement.Groups, group)
	}
	return placement
}

// incomplete says what a whole pool would have and this one has not: Topologies wants a primary and at least one secondary of every
// routing group before and after; and since before, no group may have lost a replica that is still to come back.
func (p *Placement) incomplete(before Placement, frontEnds int) []string {
	var said []string
	for _, server := range p.Down {
		said = append(said, server+" is down in the fabric")
	}
	for _, group := range p.Groups {
		switch {
		case group.Primary == "":
			said = append(said, "routing group "+group.Name+" has no primary")
		case len(group.Secondaries) == 0 && frontEnds > 1:
			said = append(said, "routing group "+group.Name+" has no secondary")
		}
	}
	for _, was := range before.Groups {
		now := p.group(was.Name)
		switch {
		case now == nil:
			said = append(said, "routing group "+was.Name+" is gone")
		case 1+len(now.Secondaries) < 1+len(was.Secondaries) && now.Primary != "" && len(now.Secondaries) > 0:
			said = append(said, fmt.Sprintf("routing group %s has %d replicas, before it had %d", was.Name, 1+len(now.Secondaries), 1+len(was.Secondaries)))
		}
	}
	return said
}

func (p *Placement) group(name string) *GroupPlacement {
	for i := range p.Groups {
		if p.Groups[i].Name == name {
			return &p.Groups[i]
		}
	}
	return nil
}

// moved says which routing groups have their replicas elsewhere than before.
func (p *Placement) moved(before Placement) []string {
	var said []string
	for _, group := range p.Groups {
		was := before.group(group.Name)
		switch {
		case was == nil:
		case was.Primary != group.Primary:
			said = append(said, fmt.Sprintf("the primary of %s was on %s and is on %s", group.Name, was.Primary, group.Primary))
		case !slices.Equal(was.Secondaries, group.Secondaries):
			said = append(said, fmt.Sprintf("the secondaries of %s were on %s and are on %s", group.Name, strings.Join(was.Secondaries, " and "), strings.Join(group.Secondaries, " and ")))
		}
	}
	return said
}

// Judgement is what follows from something that was looked at between two upgrade domains.
type Judgement struct {
	// Blocks: no further upgrade domain is opened.
	Blocks bool
	// Wrong: it is not as it should be, whether that blocks or is only told.
	Wrong   bool
	Reason  string
	Message string
}

// longestList is how many things a message names before it only counts the rest.
const longestList = 3

func listed(things []string) string {
	if len(things) <= longestList {
		return strings.Join(things, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(things[:longestList], "; "), len(things)-longestList)
}

// JudgePlacement compares the placement with what it was before the latest upgrade domain. Missing replicas keep the next domain
// closed (or are only told, where the policy says so); replicas that have moved are what a restart brings with it and are only
// told. What cannot be read is told, and decides nothing: the pool's own answer stands.
func JudgePlacement(policy v1alpha1.GatePolicy, before, now Placement, frontEnds int) Judgement {
	if !now.Readable() {
		return Judgement{Reason: v1alpha1.ReasonFabricUnreadable, Message: "no routing group was found in what Get-CsPoolFabricState printed; nothing is concluded from it"}
	}
	if said := now.incomplete(before, frontEnds); len(said) > 0 {
		return Judgement{Blocks: policy != v1alpha1.GateWarn, Wrong: true, Reason: v1alpha1.ReasonFabricIncomplete,
			Message: "replicas are missing: " + listed(said) + ". Look at Get-CsPoolFabricState -Verbose"}
	}
	if said := now.moved(before); len(said) > 0 {
		return Judgement{Reason: v1alpha1.ReasonFabricMoved, Message: fmt.Sprintf("all %d routing groups have their replicas, %d of them elsewhere than before: %s", len(now.Groups), len(said), listed(said))}
	}
	return Judgement{Reason: v1alpha1.ReasonFabricWhole, Message: fmt.Sprintf("all %d routing groups have their replicas", len(now.Groups))}
}

// Replica is one copy of the central management store.
type Replica struct {
	FQDN     string
	UpToDate bool
}

// JudgeReplication says whether the central management store has reached every front end of the pool. Stop-CsWindowsService stops
// REPLICA too, so those that do not serve, or are being worked on, are left out; other servers are told and do not stop this
// pool, because they may be in the middle of an upgrade of their own.
func JudgeReplication(policy v1alpha1.GatePolicy, replicas []Replica, frontEnds, leftOut []string) Judgement {
	var late, elsewhere []string
	for _, replica := range replicas {
		switch {
		case replica.UpToDate || includes(leftOut, replica.FQDN):
		case includes(frontEnds, replica.FQDN):
			late = append(late, replica.FQDN)
		default:
			elsewhere = append(elsewhere, replica.FQDN)
		}
	}
	slices.Sort(late)
	slices.Sort(elsewhere)
	also := ""
	if len(elsewhere) > 0 {
		also = ". Outside this pool it has not reached " + listed(elsewhere)
	}
	if len(late) > 0 {
		return Judgement{Blocks: policy != v1alpha1.GateWarn, Wrong: true, Reason: v1alpha1.ReasonReplicationLate,
			Message: "the central management store has not reached " + listed(late) + also + ". Run Invoke-CsManagementStoreReplication"}
	}
	if len(replicas) == 0 {
		return Judgement{Reason: v1alpha1.ReasonReplicationUnknown, Message: "Get-CsManagementStoreReplicationStatus named no replica"}
	}
	return Judgement{Reason: v1alpha1.ReasonReplicationUpToDate, Message: "the central management store has reached every front end of the pool that is in service" + also}
}
