package engine

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"lyncops.dev/operator/internal/simulator/deployment"
	"lyncops.dev/operator/internal/simulator/powershell"
)

var dataSource = regexp.MustCompile(`(?i)(?:^|;)\s*(?:Data Source|Server)\s*=\s*\.\\([^;]+)`)

var errNoSQL = errors.New("A network-related or instance-specific error occurred while establishing a connection to SQL Server.")

// sqlConnection is a SqlConnection to an instance of the host. Whatever its commands ask, they answer the rows of one question: name,
// state and access of the databases in the instance.
func sqlConnection(_ context.Context, _ *Executor, host *deployment.Host, _ string, call powershell.Invocation) (powershell.Value, error) {
	instance := ""
	if found := dataSource.FindStringSubmatch(text(call, "connection")); found != nil {
		instance = strings.TrimSpace(found[1])
	}
	nothing := func(context.Context, []powershell.Value) (powershell.Value, error) { return nil, nil }
	connection := powershell.NewObject("System.Data.SqlClient.SqlConnection", "DataSource", `.\`+instance)
	connection.SetMethod("Dispose", nothing)
	connection.SetMethod("Close", nothing)
	connection.SetMethod("Open", func(context.Context, []powershell.Value) (powershell.Value, error) {
		if s, known := host.Service("MSSQL$" + instance); !known || s.Status != deployment.Running {
			return nil, errNoSQL
		}
		return nil, nil
	})
	connection.SetMethod("CreateCommand", func(context.Context, []powershell.Value) (powershell.Value, error) {
		command := powershell.NewObject("System.Data.SqlClient.SqlCommand", "CommandText", "", "CommandTimeout", int64(30))
		command.SetMethod("ExecuteReader", func(context.Context, []powershell.Value) (powershell.Value, error) {
			return databaseReader(host, instance), nil
		})
		return command, nil
	})
	return connection, nil
}

// databaseReader is a SqlDataReader over the databases of an instance.
func databaseReader(host *deployment.Host, instance string) *powershell.Object {
	var rows [][3]string
	databases, _ := host.LocalDatabases()
	for _, d := range databases {
		if strings.EqualFold(d.Instance, instance) {
			rows = append(rows, [3]string{d.Name, d.State, d.UserAccess})
		}
	}
	slices.SortFunc(rows, func(a, b [3]string) int { return strings.Compare(a[0], b[0]) })
	at := -1
	reader := powershell.NewObject("System.Data.SqlClient.SqlDataReader")
	reader.SetMethod("Read", func(context.Context, []powershell.Value) (powershell.Value, error) {
		at++
		return at < len(rows), nil
	})
	reader.SetMethod("GetString", func(_ context.Context, arguments []powershell.Value) (powershell.Value, error) {
		column, ok := int64(-1), false
		if len(arguments) == 1 {
			column, ok = arguments[0].(int64)
		}
		if !ok || column < 0 || column > 2 || at < 0 || at >= len(rows) {
			return nil, errors.New("Invalid attempt to read when no data is present.")
		}
		return rows[at][column], nil
	})
	return reader
}
