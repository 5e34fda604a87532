/** Field numbers of k8s.io.apimachinery.pkg.apis.meta.v1. How to read it: see `table.ts`. */
export const META_MESSAGES = `
@meta
Condition type:1s status:2s observedGeneration:3l lastTransitionTime:4T reason:5s message:6s
DeleteOptions gracePeriodSeconds:1l? preconditions:2Preconditions orphanDependents:3b? propagationPolicy:4s? dryRun:5s* ignoreStoreReadErrorWithClusterBreakingPotential:6b?
FieldSelectorRequirement key:1s operator:2s values:3s*
LabelSelector matchLabels:1{s} matchExpressions:2LabelSelectorRequirement*
LabelSelectorRequirement key:1s operator:2s values:3s*
ManagedFieldsEntry manager:1s operation:2s apiVersion:3s time:4T fieldsType:6s fieldsV1:7F subresource:8s
ObjectMeta name:1s generateName:2s namespace:3s selfLink:4s uid:5s resourceVersion:6s generation:7l creationTimestamp:8T deletionTimestamp:9T deletionGracePeriodSeconds:10l? labels:11{s} annotations:12{s} ownerReferences:13OwnerReference* finalizers:14s* managedFields:17ManagedFieldsEntry*
OwnerReference kind:1s name:3s uid:4s apiVersion:5s controller:6b? blockOwnerDeletion:7b?
Preconditions uid:1s? resourceVersion:2s?
`;
