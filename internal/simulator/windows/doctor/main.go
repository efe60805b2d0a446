// Command doctor prints the path of the tool that makes Windows machines, or says what is missing and how to get it.
package main

import (
	"context"
	"fmt"
	"os"

	"lyncops.dev/operator/internal/simulator/windows"
)

func main() {
	path, err := windows.Find(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, path)
}
