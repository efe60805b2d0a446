package kerberos

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/keytab"
)

// Account says who asks for tickets. UserName and one of Password and Keytab are required.
type Account struct {
	// UserName is `name`, `name@REALM` or `DOMAIN\name`; the DOMAIN of the last form is a NetBIOS name, which is no realm.
	UserName string
	// Realm of the account; empty means what stands behind the @ of UserName, or else the default realm of Configuration.
	Realm string
	// Password is not used when there is a Keytab.
	Password string
	// Keytab holds the account's keys in the format of a keytab file.
	Keytab []byte
	// Configuration is the text of a krb5.conf; empty means that KDCs are found in the DNS.
	Configuration string
}

// String names the account, never its password or keys.
func (a Account) String() string {
	return a.UserName
}

// GoString keeps password and keys out of %#v.
func (a Account) GoString() string {
	return a.String()
}

// principal is what an account comes to.
type principal struct {
	name, realm string
	password    string
	keys        *keytab.Keytab
	config      *config.Config
}

// strongEncryption is what is asked for and taken unless a configuration says otherwise.
var strongEncryption = []string{
	"aes256-cts-hmac-sha384-192", "aes128-cts-hmac-sha256-128", "aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96",
}

func (a Account) principal() (result principal, err error) {
	// The parsers below are not ours, and what they read may come from anybody who can write a ConfigMap.
	defer func() {
		if trouble := recover(); trouble != nil {
			err = errors.New("krb5.conf or keytab is malformed")
		}
	}()
	result.name, result.password = a.UserName, a.Password
	if _, name, qualified := strings.Cut(result.name, `\`); qualified {
		result.name = name
	}
	name, suffix, _ := strings.Cut(result.name, "@")
	result.name = name
	if result.config, err = readConfiguration(a.Configuration); err != nil {
		return principal{}, err
	}
	for _, realm := range []string{a.Realm, strings.ToUpper(suffix), result.config.LibDefaults.DefaultRealm} {
		if result.realm == "" {
			result.realm = realm
		}
	}
	switch {
	case result.name == "":
		return principal{}, errors.New("the user name is empty")
	case result.realm == "":
		return principal{}, fmt.Errorf("the realm of %s is not known: neither is it declared, nor does the user name end in @REALM, nor does krb5.conf have a default_realm", a.UserName)
	case len(a.Keytab) == 0 && a.Password == "":
		return principal{}, errors.New("there is neither a password nor a keytab")
	}
	result.config.LibDefaults.DefaultRealm = result.realm
	if len(a.Keytab) > 0 {
		result.keys = keytab.New()
		if err := result.keys.Unmarshal(a.Keytab); err != nil {
			return principal{}, errors.New("the keytab cannot be read")
		}
		if !holds(result.keys, result.name, result.realm) {
			return principal{}, fmt.Errorf("the keytab holds no key of %s@%s", result.name, result.realm)
		}
	}
	return result, nil
}

// holds compares names exactly, as KDCs other than Windows do.
func holds(keys *keytab.Keytab, name, realm string) bool {
	for _, entry := range keys.Entries {
		if entry.Principal.Realm == realm && strings.Join(entry.Principal.Components, "/") == name {
			return true
		}
	}
	return false
}

// readConfiguration reads a krb5.conf and puts safer values in place of the library's for what it leaves open.
func readConfiguration(text string) (*config.Config, error) {
	usual := config.New().LibDefaults
	found, err := config.NewFromString(text)
	if err != nil {
		if _, harmless := errors.AsType[config.UnsupportedDirective](err); !harmless || found == nil {
			return nil, fmt.Errorf("krb5.conf cannot be read: %w", err)
		}
	}
	defaults := &found.LibDefaults
	if !strings.Contains(text, "dns_lookup_kdc") {
		defaults.DNSLookupKDC = true // as MIT's library has it
	}
	if defaults.UDPPreferenceLimit == usual.UDPPreferenceLimit {
		defaults.UDPPreferenceLimit = 1 // tickets of Active Directory seldom fit a datagram
	}
	for _, kind := range []struct {
		names       *[]string
		identifiers *[]int32
		usual       []string
	}{
		{&defaults.DefaultTktEnctypes, &defaults.DefaultTktEnctypeIDs, usual.DefaultTktEnctypes},
		{&defaults.DefaultTGSEnctypes, &defaults.DefaultTGSEnctypeIDs, usual.DefaultTGSEnctypes},
		{&defaults.PermittedEnctypes, &defaults.PermittedEnctypeIDs, usual.PermittedEnctypes},
	} {
		if reflect.DeepEqual(*kind.names, kind.usual) {
			*kind.names = strongEncryption
			*kind.identifiers = nil
			for _, name := range strongEncryption {
				*kind.identifiers = append(*kind.identifiers, etypeID.ETypesByName[name])
			}
		}
	}
	return found, nil
}
