package v1alpha1_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"lyncops.dev/operator/api/v1alpha1"
)

func TestBuildsAreComparedAsNumbers(t *testing.T) {
	cases := []struct {
		name       string
		older, new v1alpha1.Build
	}{
		{"as text .99 would come after .420", "5.0.8308.99", "5.0.8308.420"},
		{"RTM before the first cumulative update", "5.0.8308.0", "5.0.8308.291"},
		{"a four-digit revision is newer than a three-digit one", "5.0.8308.992", "5.0.8308.1149"},
		{"the third part decides before the fourth", "5.0.8307.9999", "5.0.8308.0"},
		{"Lync Server 2013 before Skype for Business Server 2015", "5.0.8308.1149", "6.0.9319.0"},
		{"the largest parts that are read", "999999999.999999999.999999999.999999998", "999999999.999999999.999999999.999999999"},
		{"no build is older than any build", "", "0.0.0.0"},
		{"what cannot be read is older than any build", "Volume license key installed", "0.0.0.0"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if !test.older.OlderThan(test.new) {
				t.Errorf("%q is not older than %q", test.older, test.new)
			}
			if test.new.OlderThan(test.older) {
				t.Errorf("%q is older than %q", test.new, test.older)
			}
		})
	}
}

func TestLeadingZerosDoNotMakeAnotherBuild(t *testing.T) {
	if order := v1alpha1.Build("5.0.8308.0420").Compare("5.0.8308.420"); order != 0 {
		t.Errorf("Compare is %d", order)
	}
}

func TestComparingBuildsIsAnOrder(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	parts := []int{0, 1, 9, 10, 99, 100, 420, 1149, 999999999}
	build := func() v1alpha1.Build {
		if random.IntN(12) == 0 {
			return v1alpha1.Build([]string{"", "x", "5.0.8308", "1.2.3.4.5"}[random.IntN(4)])
		}
		var text []string
		for range 4 {
			text = append(text, fmt.Sprint(parts[random.IntN(len(parts))]))
		}
		return v1alpha1.Build(strings.Join(text, "."))
	}
	for range 20_000 {
		a, b, c := build(), build(), build()
		if a.Compare(a) != 0 { //nolint:gocritic // dupArg: a build compared with itself is what is asked about
			t.Fatalf("seed %d: %q is not equal to itself", seed, a)
		}
		if a.Compare(b) != -b.Compare(a) {
			t.Fatalf("seed %d: %q and %q: %d one way, %d the other", seed, a, b, a.Compare(b), b.Compare(a))
		}
		if a.Compare(b) <= 0 && b.Compare(c) <= 0 && a.Compare(c) > 0 {
			t.Fatalf("seed %d: %q <= %q <= %q, but not %q <= %q", seed, a, b, c, a, c)
		}
	}
}

func TestValidate(t *testing.T) {
	cases := []struct {
		build v1alpha1.Build
		valid bool
	}{
		{"5.0.8308.0", true},
		{"5.0.8308.1149", true},
		{"999999999.0.0.0", true},
		{"", false},
		{"5.0.8308", false},
		{"5.0.8308.1149.1", false},
		{"5.0.8308.", false},
		{"5.0.8308.-1", false},
		{"5.0.8308.1149 ", false},
		{"v5.0.8308.1149", false},
		{"5,0,8308,1149", false},
		{"1000000000.0.0.0", false},
		{"5.0.8308.1149\n", false},
	}
	for _, test := range cases {
		t.Run(fmt.Sprintf("%q", test.build), func(t *testing.T) {
			err := test.build.Validate()
			if (err == nil) != test.valid {
				t.Fatalf("Validate: %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), "four parts") {
				t.Errorf("the error does not say what a build number looks like: %v", err)
			}
		})
	}
}

func TestNamesAreComparedWithoutRegardToCase(t *testing.T) {
	if !v1alpha1.FQDN("fe01.contoso.com").Is("FE01.Contoso.COM") {
		t.Error("FE01.Contoso.COM is not fe01.contoso.com")
	}
	if v1alpha1.FQDN("fe01.contoso.com").Is("fe01") {
		t.Error("a short name is taken for the full one")
	}
}
