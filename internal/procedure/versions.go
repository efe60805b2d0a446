package procedure

import (
	"fmt"
	"slices"
	"strings"

	"lyncops.dev/operator/api/v1alpha1"
)

// Component is an installed component of a server and its build. A cumulative update touches only some of them, so that the
// components of one server may rightly have different builds.
type Component struct {
	// Name is what stands behind the comma of the name under which it is installed, such as "Core Components".
	Name  string
	Build v1alpha1.Build
}

// MinimumBuild is the build that a component must have at least, on servers that have it.
type MinimumBuild struct {
	Component string
	Build     v1alpha1.Build
}

// ComponentName is what stands behind the comma of the name of an installed component, as Microsoft's own diagnostics compare it.
func ComponentName(displayName string) string {
	if _, name, found := strings.Cut(displayName, ","); found {
		return strings.TrimSpace(name)
	}
	return strings.TrimSpace(displayName)
}

// below lists the components that have less than their minimum.
func (s Server) below(minimums []MinimumBuild) []string {
	var below []string
	for _, minimum := range minimums {
		for _, component := range s.Components {
			if strings.EqualFold(component.Name, minimum.Component) && component.Build.OlderThan(minimum.Build) {
				below = append(below, fmt.Sprintf("%s has %s, not %s", component.Name, component.Build, minimum.Build))
			}
		}
	}
	return below
}

// behind says whether the server still needs the update: its core components, or a component with a minimum, are older than declared.
func (p Plan) behind(server Server) bool {
	return server.Build.OlderThan(p.Build) || len(server.below(p.Minimums)) > 0
}

// NamedBuild is one server and its build.
type NamedBuild struct {
	FQDN  string
	Build v1alpha1.Build
}

// MixedBuilds says in words which servers have which build, oldest first; empty when all that are known have the same.
func MixedBuilds(servers []NamedBuild) string {
	names := map[v1alpha1.Build][]string{}
	var builds []v1alpha1.Build
	for _, server := range servers {
		if server.Build == "" {
			continue
		}
		if names[server.Build] == nil {
			builds = append(builds, server.Build)
		}
		names[server.Build] = append(names[server.Build], server.FQDN)
	}
	if len(builds) < 2 {
		return ""
	}
	slices.SortFunc(builds, func(a, b v1alpha1.Build) int { return a.Compare(b) })
	var said []string
	for _, build := range builds {
		said = append(said, fmt.Sprintf("%s: %s", build, strings.Join(names[build], ", ")))
	}
	return strings.Join(said, "; ")
}
