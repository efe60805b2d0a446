package preflight

// Result is how one check ended.
type Result string

// The results. A check is skipped when one that it needs has failed.
const (
	Pass Result = "Pass"
	Fail Result = "Fail"
	Skip Result = "Skip"
)

// Row is one check of one server.
type Row struct {
	Check  string `json:"check"`
	Server string `json:"server"`
	Result Result `json:"result"`
	// Found is what was seen.
	Found string `json:"found"`
	// Remedy is what to do; empty unless the check failed.
	Remedy string `json:"remedy,omitempty"`
}

// Answer is an answer of a cmdlet that is not as we know it, for the person who is to report it.
type Answer struct {
	Cmdlet string `json:"cmdlet"`
	Server string `json:"server"`
	// Raw is what the cmdlet gave, as JSON text.
	Raw string `json:"raw"`
}

// Report is everything that was found, in the order in which it is read.
type Report struct {
	Rows []Row `json:"checks"`
	// UnknownAnswers are empty when every cmdlet answered in a shape that we know.
	UnknownAnswers []Answer `json:"unknownAnswers,omitempty"`
}

// Passed reports whether no check failed, and at least one was made.
func (r Report) Passed() bool {
	for _, row := range r.Rows {
		if row.Result == Fail {
			return false
		}
	}
	return len(r.Rows) > 0
}
