package wsman

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// durationPattern is xs:duration without years and months, which have no fixed length.
var durationPattern = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$`)

// parseDuration reads an xs:duration such as PT60S or P0DT1H0M1.5S. False means that it is none, or longer than a year.
func parseDuration(text string) (time.Duration, bool) {
	parts := durationPattern.FindStringSubmatch(text)
	if parts == nil {
		return 0, false
	}
	var seconds float64
	for i, unit := range []float64{24 * 60 * 60, 60 * 60, 60, 1} {
		if parts[i+1] == "" {
			continue
		}
		number, err := strconv.ParseFloat(parts[i+1], 64)
		if err != nil {
			return 0, false
		}
		seconds += number * unit
	}
	const year = 366 * 24 * 60 * 60
	if seconds > year {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// formatDuration writes seconds the way Windows states an idle timeout: PT7200.000S.
func formatDuration(d time.Duration) string {
	return fmt.Sprintf("PT%.3fS", d.Seconds())
}

// formatRunTime writes a time the way Windows states how long a shell has run: P0DT0H0M12S.
func formatRunTime(d time.Duration) string {
	seconds := int64(d / time.Second)
	return fmt.Sprintf("P%dDT%dH%dM%dS", seconds/86400, seconds/3600%24, seconds/60%60, seconds%60)
}
