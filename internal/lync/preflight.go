package lync

// Check is one thing looked at before any work.
type Check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Found is what was seen, for people.
	Found string `json:"found"`
	// Remedy is what to do when OK is false.
	Remedy string `json:"remedy"`
}
