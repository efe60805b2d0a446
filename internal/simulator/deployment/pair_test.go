package deployment

import (
	"os"
	"testing"
	"time"
)

// A fail back stops the front end services and starts them once more, however long the stop takes.
func TestAFailBackBringsBackServicesThatAreSlowToStop(t *testing.T) {
	text, err := os.ReadFile("../testdata/paired.yaml")
	if err != nil {
		t.Fatal(err)
	}
	inDeployment(t, text, func(w world) {
		frontEnds := []string{"fe01", "fe02", "fe03"}
		w.must(w.host("fe11").MoveCentralManagement(w.Context(), admin, admin.User))
		w.must(w.host("fe01").FailOverPool(w.Context(), admin, poolName, admin.User))
		time.Sleep(time.Hour)
		for _, name := range frontEnds {
			w.must(w.host(name).StartLyncServices(w.Context(), admin, "", true))
		}
		time.Sleep(time.Hour)
		w.host("fe02").service("RTCSRV").stop = 5 * time.Minute
		w.must(w.host("fe01").FailBackPool(w.Context(), admin, poolName, admin.User))
		time.Sleep(time.Hour)
		for _, name := range frontEnds {
			if status := w.status(name, "RTCSRV"); status != Running {
				t.Errorf("RTCSRV of %s is %s after the fail back", name, status)
			}
		}
	})
}
