package differential_test

import "testing"

// TestStagingAndFacts is the least that must work: the module is staged by the operator's own script and answers.
func TestStagingAndFacts(t *testing.T) {
	t.Parallel()
	s := inEngine(t, "Desktop")
	s.stage(t, "fe01.contoso.com")
	if answer := s.ask(t, "fe01.contoso.com", "Get-LyncOpsFacts", "{}"); answer["ok"] != true {
		t.Errorf("%v", answer)
	}
}
