package deployment

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
)

// The user rights of a host that the model knows, and the groups that have the first one where nobody has changed it.
const (
	RightBatchLogon     = "SeBatchLogonRight"
	RightDenyBatchLogon = "SeDenyBatchLogonRight"
	administrators      = `BUILTIN\Administrators`
)

var batchLogonByDefault = []string{administrators, `BUILTIN\Backup Operators`, `BUILTIN\Performance Log Users`}

// builtInGroups are the groups that every Windows has, with their security identifiers.
var builtInGroups = map[string]string{administrators: "S-1-5-32-544", `BUILTIN\Backup Operators`: "S-1-5-32-551", `BUILTIN\Performance Log Users`: "S-1-5-32-559"}

// domainSID begins the security identifiers of everything in a domain of the model.
const domainSID = "S-1-5-21-1004336348-1177238915-682003330-"

// Identity is an account or a group as Windows knows it.
type Identity struct {
	Name, SID string
	// Groups are those of an account, by name.
	Groups []string
}

// Identity finds an account or a group by its name or its security identifier. Group managed service accounts, whose names end in $,
// need not be declared. Every account is an administrator of every host.
func (h *Host) Identity(name string) (Identity, bool) {
	for group, sid := range builtInGroups {
		if sameName(group, name) || sid == name {
			return Identity{Name: group, SID: sid}, true
		}
	}
	for _, a := range h.model.description.Accounts {
		user := Identity{Name: a.Domain + `\` + a.User, Groups: []string{a.Domain + `\Domain Users`, administrators}}
		user.SID = domainIdentifier(user.Name)
		for _, group := range user.Groups[:1] {
			if sameName(group, name) || domainIdentifier(group) == name {
				return Identity{Name: group, SID: domainIdentifier(group)}, true
			}
		}
		if user.SID == name || sameName(user.Name, name) || sameName(a.User+"@"+a.Domain, name) || sameName(a.User, name) {
			return user, true
		}
	}
	if domain, user, found := strings.Cut(name, `\`); found && strings.HasSuffix(user, "$") {
		return Identity{Name: name, SID: domainIdentifier(name), Groups: []string{domain + `\Domain Computers`, administrators}}, true
	}
	if user, domain, found := strings.Cut(name, "@"); found && strings.HasSuffix(user, "$") {
		return h.Identity(domain + `\` + user)
	}
	return Identity{}, false
}

func domainIdentifier(name string) string {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(strings.ToLower(name))) // never fails
	return fmt.Sprint(domainSID, 1000+sum.Sum32()%1_000_000)
}

// UserRight lists the accounts and groups that have a right on the host.
func (h *Host) UserRight(right string) []string {
	switch {
	case right == RightDenyBatchLogon:
		return h.description.DenyBatchLogon
	case right == RightBatchLogon && h.description.BatchLogon == nil:
		return batchLogonByDefault
	case right == RightBatchLogon:
		return h.description.BatchLogon
	}
	return nil
}

// TaskMayBegin says whether the program of a task of an account begins: not where a known account may not log on as a batch job.
func (h *Host) TaskMayBegin(account string) bool {
	if _, known := h.Identity(account); !known {
		return true
	}
	_, err := h.MayLogOnAsBatch(account)
	return err == nil
}

// MayLogOnAsBatch gives the account or group by which an account may log on as a batch job; the error says why it may not.
func (h *Host) MayLogOnAsBatch(account string) (by string, err error) {
	who, known := h.Identity(account)
	if !known {
		return "", fmt.Errorf("not known: %s has no SID on this server: Some or all identity references could not be translated.", account)
	}
	holder := func(right string) string {
		for _, name := range h.UserRight(right) {
			for _, own := range append([]string{who.Name}, who.Groups...) {
				if sameName(name, own) {
					return name
				}
			}
		}
		return ""
	}
	if denied := holder(RightDenyBatchLogon); denied != "" {
		return "", errors.New("denied to " + denied)
	}
	if by = holder(RightBatchLogon); by != "" {
		return by, nil
	}
	granted := "nobody"
	if names := h.UserRight(RightBatchLogon); len(names) > 0 {
		granted = strings.Join(names, ", ")
	}
	return "", fmt.Errorf("granted to %s, and %s is none of them", granted, account)
}
