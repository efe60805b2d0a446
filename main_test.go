package main

import "testing"

func TestWatchedNamespaces(t *testing.T) {
	if watched("") != nil {
		t.Error("no list is not every namespace")
	}
	for _, list := range []string{"lync,voice", " lync , voice"} {
		names := watched(list)
		if _, lync := names["lync"]; !lync || len(names) != 2 {
			t.Errorf("%q is %v", list, names)
		}
	}
	// A comma too many must not turn into every namespace.
	if names := watched("lync,"); len(names) != 1 {
		t.Errorf("a trailing comma watches %d namespaces", len(names))
	}
}
