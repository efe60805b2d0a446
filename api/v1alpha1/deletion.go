package v1alpha1

// FinalizerFinishServer is on an object while a server is half way because of it, or may be at any moment: it is put on before the
// first order and taken off when every server has been seen back in service. On a LyncPool it stays from the opening of the first
// upgrade domain until the rollout is done. An object without it is deleted at once.
const FinalizerFinishServer = "lyncops.dev/finish-server"

// AnnotationForceDelete lets an object that is being deleted go although a server is half way. Only the value ForceDeleteValue is
// obeyed, which says what it leaves behind: a server with stopped or disabled services, or in the middle of an installation.
const AnnotationForceDelete = "lyncops.dev/force-delete"

// ForceDeleteValue is the one value of AnnotationForceDelete that is obeyed.
const ForceDeleteValue = "leave-server-half-way"
