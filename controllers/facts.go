package controllers

import (
	"errors"
	"fmt"
	"strings"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/procedure"
)

// coreComponents is the end of the name under which every product lists the component that carries the server's build.
const coreComponents = "core components"

// serverFrom puts what a server answered into the words of the procedure. The name is the one that was asked, not the one that
// answered.
func serverFrom(fqdn string, facts lync.Facts) procedure.Server {
	server := procedure.Server{
		FQDN: fqdn, Time: facts.Time, BootTime: facts.BootTime, PendingReboot: len(facts.PendingReboot) > 0,
		Services: servicesFrom(facts.Services),
	}
	if facts.Baseline != nil {
		server.Baseline = servicesFrom(facts.Baseline)
	}
	for _, component := range facts.Components {
		server.Components = append(server.Components, procedure.Component{Name: procedure.ComponentName(component.Name), Build: v1alpha1.Build(component.Version)})
		if strings.HasSuffix(strings.ToLower(component.Name), coreComponents) {
			server.Build = v1alpha1.Build(component.Version)
			server.ProductName, server.Product = strings.TrimRight(component.Name[:len(component.Name)-len(coreComponents)], " ,"), v1alpha1.ProductOfComponent(component.Name)
		}
	}
	for _, job := range facts.Jobs {
		server.Jobs = append(server.Jobs, procedure.Job{
			ID: job.ID, Action: procedure.Action(job.Action), State: procedure.JobState(job.State), ExitCode: job.ExitCode, Outcome: string(job.Outcome), Message: job.Message,
			Claimed: job.Claimed, Started: job.Started, Finished: job.Finished, BootTime: job.BootTime,
		})
	}
	return server
}

func servicesFrom(services []lync.Service) []procedure.Service {
	result := make([]procedure.Service, 0, len(services))
	for _, service := range services {
		result = append(result, procedure.Service{Name: service.Name, Status: string(service.Status), StartType: string(service.StartType)})
	}
	return result
}

func readinessFrom(answer lync.PoolReadiness) procedure.Readiness {
	readiness := procedure.Readiness{State: string(answer.State), TotalFrontEnds: answer.TotalFrontends, TotalActiveFrontEnds: answer.TotalActiveFrontends}
	for _, domain := range answer.UpgradeDomains {
		readiness.Domains = append(readiness.Domains, procedure.ReadinessDomain{
			Name: domain.Name, IsReadyForUpgrade: domain.IsReadyForUpgrade, FrontEnds: domain.Frontends,
		})
	}
	return readiness
}

func reportFrom(answer lync.DatabaseReport) *procedure.DatabaseReport {
	report := &procedure.DatabaseReport{CollocatedStores: answer.CollocatedStores, Mirrored: answer.Mirrored}
	for _, database := range answer.Databases {
		report.Databases = append(report.Databases, procedure.Database{Name: database.DatabaseName, SQLServerFQDN: database.SQLServerFQDN,
			ExpectedVersion: database.ExpectedVersion, InstalledVersion: database.InstalledVersion})
	}
	return report
}

// problemFrom turns what went wrong with a server into a reason that stands in its status. Expected trouble with servers is a
// fact to decide upon, not an error of the reconciler.
func problemFrom(err error) *procedure.Problem {
	problem := &procedure.Problem{Message: err.Error()}
	switch lync.KindOf(err) {
	case lync.KindLoginRefused, lync.KindAccessDenied:
		problem.Reason, problem.Lasting = v1alpha1.ReasonLoginRefused, true
	case lync.KindCertificateRejected:
		problem.Reason, problem.Lasting = v1alpha1.ReasonCertificateRejected, true
	case lync.KindUnknownShape:
		problem.Reason, problem.Lasting = v1alpha1.ReasonUnknownReadinessShape, true
	case lync.KindBadAnswer, lync.KindCmdletFailed, lync.KindCmdletMissing, lync.KindBadArgument, lync.KindInternal:
		problem.Reason = v1alpha1.ReasonServerAnswerUnknown
	default:
		problem.Reason = v1alpha1.ReasonServerUnreachable
	}
	return problem
}

// fileNameOf is the last part of a package's source: a URL, a UNC path or a local path.
func fileNameOf(source string) string {
	name := source
	if cut := strings.IndexAny(name, "?#"); cut >= 0 && strings.HasPrefix(strings.ToLower(name), "https://") {
		name = name[:cut]
	}
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

// requestFor puts an order of the procedure into the words of the server protocol.
func requestFor(order procedure.Order, pkg v1alpha1.UpdatePackage, principal lync.Principal) (lync.JobRequest, error) {
	request := lync.JobRequest{ID: order.ID, Action: lync.Action(order.Action), Principal: principal}
	// A server refuses a timeout of nothing.
	seconds := max(int(order.Timeout.Seconds()), 1)
	sha256 := strings.ToLower(pkg.SHA256)
	switch order.Action {
	case procedure.ActionStagePackage:
		request.Parameters = lync.StagePackage{Source: pkg.Source, SHA256: sha256, FileName: fileNameOf(pkg.Source)}
	case procedure.ActionStopServices:
		onTimeout := lync.OnTimeoutFail
		if order.StopAtOnce {
			onTimeout = lync.OnTimeoutStopAtOnce
		}
		request.Parameters = lync.StopServices{Graceful: order.Graceful, TimeoutSeconds: seconds, OnTimeout: onTimeout}
	case procedure.ActionStopWebServer:
		request.Parameters = lync.StopWebServer{TimeoutSeconds: seconds}
	case procedure.ActionInstall:
		request.Parameters = lync.Install{SHA256: sha256, FileName: fileNameOf(pkg.Source), Arguments: pkg.Arguments, TimeoutSeconds: seconds}
	case procedure.ActionRestartComputer:
		request.Parameters = lync.RestartComputer{DelaySeconds: restartDelaySeconds}
	case procedure.ActionStartWebServer:
		request.Parameters = lync.StartWebServer{TimeoutSeconds: seconds}
	case procedure.ActionStartServices:
		request.Parameters = lync.StartServices{TimeoutSeconds: seconds}
	case procedure.ActionFailOverComputer:
		request.Parameters = lync.FailOverComputer{ComputerName: order.Computer, PoolFQDN: order.Pool, WaitSeconds: seconds, DrainingSeconds: int(order.DrainingTimeout.Seconds())}
	case procedure.ActionFailBackComputer:
		request.Parameters = lync.FailBackComputer{ComputerName: order.Computer, WaitSeconds: seconds}
	case procedure.ActionUpdateDatabases:
		request.Parameters = lync.UpdateDatabases{Variant: lync.DatabaseVariant(order.Variant), Update: !order.WithoutUpdate, SQLServerFQDN: order.SQLServer,
			SQLInstanceName: order.SQLInstance, TimeoutSeconds: seconds}
	case procedure.ActionRecordServices:
		request.Parameters = lync.RecordServices{}
	case procedure.ActionMoveCentralManagement:
		request.Parameters = lync.MoveCentralManagement{PoolFQDN: order.Pool, TimeoutSeconds: seconds}
	case procedure.ActionFailOverPool:
		request.Parameters = lync.FailOverPool{PoolFQDN: order.Pool}
	case procedure.ActionFailBackPool:
		request.Parameters = lync.FailBackPool{PoolFQDN: order.Pool}
	default:
		return request, fmt.Errorf("order %s: %w", order.ID, errUnknownAction)
	}
	return request, nil
}

// restartDelaySeconds leaves the job time to write down that the restart was asked for.
const restartDelaySeconds = 5

var errUnknownAction = errors.New("no job does this action")
