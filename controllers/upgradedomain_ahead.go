package controllers

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/procedure"
)

// writeAhead writes into the status which servers are about to be taken, before the first order is given to them. The write is refused
// when somebody else has written since the domain was read, so that of two copies of the operator that have looked at the same time, and may
// have chosen different servers, one gives orders. And whoever finds the server silent after a crash knows that its work may have begun.
func (r *UpgradeDomainReconciler) writeAhead(ctx context.Context, work *domainWork, decision procedure.DomainDecision) error {
	ahead := work.object.DeepCopy()
	work.before.Status.DeepCopyInto(&ahead.Status)
	begins := false
	for i := range decision.Servers {
		server := &decision.Servers[i]
		if server.Verdict != procedure.VerdictStart || !beginsWith(server, rowOf(work.object.Status.Servers, server.FQDN)) {
			continue
		}
		row := rowsFrom(nil, []procedure.ServerDecision{*server}, work.now)[0]
		begins = setStep(&ahead.Status, row) || begins
	}
	if !begins {
		return nil
	}
	ahead.Status.InProgress = true
	err := r.Client.Status().Patch(ctx, ahead, client.MergeFromWithOptions(work.before, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return errChanged
	}
	if err != nil {
		return fmt.Errorf("writing down which server of %s is taken: %w", work.object.Spec.DomainName, err)
	}
	work.object.SetResourceVersion(ahead.GetResourceVersion())
	ahead.DeepCopyInto(work.before)
	return nil
}

// setStep puts the step of a server into its row, and says false where it stands there already.
func setStep(status *v1alpha1.UpgradeDomainStatus, made v1alpha1.ServerStatus) bool {
	row := rowOf(status.Servers, made.FQDN)
	switch {
	case row == nil:
		status.Servers = append(status.Servers, made)
	case row.Step == made.Step && row.Attempt == made.Attempt:
		return false
	default:
		row.Step, row.Attempt, row.Since, row.Message = made.Step, made.Attempt, made.Since, made.Message
	}
	return true
}
