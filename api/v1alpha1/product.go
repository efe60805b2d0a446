package v1alpha1

import (
	"fmt"
	"strings"
)

// Product is the product, and with it the variant of the procedures, that a pool or server runs.
//
// +kubebuilder:validation:Enum=LyncServer2013;SkypeForBusinessServer2015;SkypeForBusinessServer2019;SkypeForBusinessServerSubscriptionEdition
type Product string

const (
	// ProductLyncServer2013 is Lync Server 2013, builds 5.0.8308.
	ProductLyncServer2013 Product = "LyncServer2013"
	// ProductSkypeForBusinessServer2015 is Skype for Business Server 2015, builds 6.0.9319.
	ProductSkypeForBusinessServer2015 Product = "SkypeForBusinessServer2015"
	// ProductSkypeForBusinessServer2019 is Skype for Business Server 2019, builds 7.0.2046.
	ProductSkypeForBusinessServer2019 Product = "SkypeForBusinessServer2019"
	// ProductSkypeForBusinessServerSubscriptionEdition is Skype for Business Server Subscription Edition. It shares 7.0.2046 with 2019:
	// only its name tells it apart.
	ProductSkypeForBusinessServerSubscriptionEdition Product = "SkypeForBusinessServerSubscriptionEdition"
)

// productFacts is what sets one product apart: the name that its components begin with, and the base of its builds.
type productFacts struct {
	product     Product
	title, base string
	// names begin the names of installed components, in lower case.
	names []string
}

var products = []productFacts{
	{ProductLyncServer2013, "Lync Server 2013", "5.0.", []string{"microsoft lync server 2013,"}},
	{ProductSkypeForBusinessServer2015, "Skype for Business Server 2015", "6.0.", []string{"skype for business server 2015,"}},
	{ProductSkypeForBusinessServer2019, "Skype for Business Server 2019", "7.0.", []string{"skype for business server 2019,"}},
	{ProductSkypeForBusinessServerSubscriptionEdition, "Skype for Business Server Subscription Edition", "7.0.",
		[]string{"skype for business server subscription edition,", "skype for business server se,"}},
}

// facts are those of Lync Server 2013 for an object that was stored without a product.
func (p Product) facts() productFacts {
	for _, known := range products {
		if known.product == p {
			return known
		}
	}
	return products[0]
}

// Title is the product's own name.
func (p Product) Title() string { return p.facts().title }

// Is compares two products; none given is Lync Server 2013, which objects without the field mean.
func (p Product) Is(other Product) bool { return p.facts().product == other.facts().product }

// CheckBuild returns an error when a build cannot be one of this product.
func (p Product) CheckBuild(build Build) error {
	facts := p.facts()
	if strings.HasPrefix(string(build), facts.base) {
		return nil
	}
	return fmt.Errorf("build %s is none of %s, whose builds begin with %s; correct desiredBuild, or declare product", build, facts.title, strings.TrimSuffix(facts.base, "."))
}

// ProductOfComponent is the product that an installed component, as the uninstall registry names it, belongs to; empty when the
// name is that of no known product.
func ProductOfComponent(name string) Product {
	name = strings.ToLower(name)
	for _, known := range products {
		for _, begin := range known.names {
			if strings.HasPrefix(name, begin) {
				return known.product
			}
		}
	}
	return ""
}

// Role is what the servers of a pool do.
//
// +kubebuilder:validation:Enum=FrontEnd;Edge;Director;Mediation;PersistentChat
type Role string

const (
	// RoleFrontEnd: a Front End pool, which holds users; its readiness and its quorum are gates.
	RoleFrontEnd Role = "FrontEnd"
	// RoleEdge: servers in the perimeter network, outside the domain.
	RoleEdge Role = "Edge"
	// RoleDirector: servers that authenticate users and send them on to their pool.
	RoleDirector Role = "Director"
	// RoleMediation: a stand-alone Mediation pool.
	RoleMediation Role = "Mediation"
	// RolePersistentChat: a Persistent Chat pool.
	RolePersistentChat Role = "PersistentChat"
)

// IsFrontEnd says whether this is a Front End pool, which objects without the field are.
func (r Role) IsFrontEnd() bool { return r == "" || r == RoleFrontEnd }
