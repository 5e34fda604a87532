/** Field numbers of the other groups of k8s.io.api. How to read it: see `table.ts`. */
export const GROUP_MESSAGES = `
@apps
DaemonSet metadata:1meta.ObjectMeta spec:2DaemonSetSpec status:3DaemonSetStatus
DaemonSetCondition type:1s status:2s lastTransitionTime:3T reason:4s message:5s
DaemonSetSpec selector:1meta.LabelSelector template:2core.PodTemplateSpec updateStrategy:3DaemonSetUpdateStrategy minReadySeconds:4i revisionHistoryLimit:6i?
DaemonSetStatus currentNumberScheduled:1i numberMisscheduled:2i desiredNumberScheduled:3i numberReady:4i observedGeneration:5l updatedNumberScheduled:6i numberAvailable:7i numberUnavailable:8i collisionCount:9i? conditions:10DaemonSetCondition*
DaemonSetUpdateStrategy type:1s rollingUpdate:2RollingUpdateDaemonSet
Deployment metadata:1meta.ObjectMeta spec:2DeploymentSpec status:3DeploymentStatus
DeploymentCondition type:1s status:2s reason:4s message:5s lastUpdateTime:6T lastTransitionTime:7T
DeploymentSpec replicas:1i? selector:2meta.LabelSelector template:3core.PodTemplateSpec strategy:4DeploymentStrategy minReadySeconds:5i revisionHistoryLimit:6i? paused:7b progressDeadlineSeconds:9i?
DeploymentStatus observedGeneration:1l replicas:2i updatedReplicas:3i availableReplicas:4i unavailableReplicas:5i conditions:6DeploymentCondition* readyReplicas:7i collisionCount:8i? terminatingReplicas:9i?
DeploymentStrategy type:1s rollingUpdate:2RollingUpdateDeployment
ReplicaSet metadata:1meta.ObjectMeta spec:2ReplicaSetSpec status:3ReplicaSetStatus
ReplicaSetCondition type:1s status:2s lastTransitionTime:3T reason:4s message:5s
ReplicaSetSpec replicas:1i? selector:2meta.LabelSelector template:3core.PodTemplateSpec minReadySeconds:4i
ReplicaSetStatus replicas:1i fullyLabeledReplicas:2i observedGeneration:3l readyReplicas:4i availableReplicas:5i conditions:6ReplicaSetCondition* terminatingReplicas:7i?
RollingUpdateDaemonSet maxUnavailable:1I? maxSurge:2I?
RollingUpdateDeployment maxUnavailable:1I? maxSurge:2I?
RollingUpdateStatefulSetStrategy partition:1i? maxUnavailable:2I?
StatefulSet metadata:1meta.ObjectMeta spec:2StatefulSetSpec status:3StatefulSetStatus
StatefulSetCondition type:1s status:2s lastTransitionTime:3T reason:4s message:5s
StatefulSetOrdinals start:1i
StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted:1s whenScaled:2s
StatefulSetSpec replicas:1i? selector:2meta.LabelSelector template:3core.PodTemplateSpec volumeClaimTemplates:4core.PersistentVolumeClaim* serviceName:5s podManagementPolicy:6s updateStrategy:7StatefulSetUpdateStrategy revisionHistoryLimit:8i? minReadySeconds:9i persistentVolumeClaimRetentionPolicy:10StatefulSetPersistentVolumeClaimRetentionPolicy ordinals:11StatefulSetOrdinals
StatefulSetStatus observedGeneration:1l replicas:2i readyReplicas:3i currentReplicas:4i updatedReplicas:5i currentRevision:6s updateRevision:7s collisionCount:9i? conditions:10StatefulSetCondition* availableReplicas:11i
StatefulSetUpdateStrategy type:1s rollingUpdate:2RollingUpdateStatefulSetStrategy
@batch
CronJob metadata:1meta.ObjectMeta spec:2CronJobSpec status:3CronJobStatus
CronJobSpec schedule:1s startingDeadlineSeconds:2l? concurrencyPolicy:3s suspend:4b? jobTemplate:5JobTemplateSpec successfulJobsHistoryLimit:6i? failedJobsHistoryLimit:7i? timeZone:8s?
CronJobStatus active:1core.ObjectReference* lastScheduleTime:4T lastSuccessfulTime:5T
Job metadata:1meta.ObjectMeta spec:2JobSpec status:3JobStatus
JobCondition type:1s status:2s lastProbeTime:3T lastTransitionTime:4T reason:5s message:6s
JobSpec parallelism:1i? completions:2i? activeDeadlineSeconds:3l? selector:4meta.LabelSelector manualSelector:5b? template:6core.PodTemplateSpec backoffLimit:7i? ttlSecondsAfterFinished:8i? completionMode:9s? suspend:10b? podFailurePolicy:11PodFailurePolicy backoffLimitPerIndex:12i? maxFailedIndexes:13i? podReplacementPolicy:14s? managedBy:15s? successPolicy:16SuccessPolicy
JobStatus conditions:1JobCondition* startTime:2T completionTime:3T active:4i succeeded:5i failed:6i completedIndexes:7s uncountedTerminatedPods:8UncountedTerminatedPods ready:9i? failedIndexes:10s? terminating:11i?
JobTemplateSpec metadata:1meta.ObjectMeta spec:2JobSpec
PodFailurePolicy rules:1PodFailurePolicyRule*
PodFailurePolicyOnExitCodesRequirement containerName:1s? operator:2s values:3i*
PodFailurePolicyOnPodConditionsPattern type:1s status:2s
PodFailurePolicyRule action:1s onExitCodes:2PodFailurePolicyOnExitCodesRequirement onPodConditions:3PodFailurePolicyOnPodConditionsPattern*
SuccessPolicy rules:1SuccessPolicyRule*
SuccessPolicyRule succeededIndexes:1s? succeededCount:2i?
UncountedTerminatedPods succeeded:1s* failed:2s*
@events
Event metadata:1meta.ObjectMeta eventTime:2U series:3EventSeries reportingController:4s reportingInstance:5s action:6s reason:7s regarding:8core.ObjectReference related:9core.ObjectReference note:10s type:11s deprecatedSource:12core.EventSource deprecatedFirstTimestamp:13T deprecatedLastTimestamp:14T deprecatedCount:15i
EventSeries count:1i lastObservedTime:2U
@autoscaling
CrossVersionObjectReference kind:1s name:2s apiVersion:3s
HorizontalPodAutoscaler metadata:1meta.ObjectMeta spec:2HorizontalPodAutoscalerSpec status:3HorizontalPodAutoscalerStatus
HorizontalPodAutoscalerSpec scaleTargetRef:1CrossVersionObjectReference minReplicas:2i? maxReplicas:3i targetCPUUtilizationPercentage:4i?
HorizontalPodAutoscalerStatus observedGeneration:1l? lastScaleTime:2T currentReplicas:3i desiredReplicas:4i currentCPUUtilizationPercentage:5i?
Scale metadata:1meta.ObjectMeta spec:2ScaleSpec status:3ScaleStatus
ScaleSpec replicas:1i
ScaleStatus replicas:1i selector:2s
@autoscalingV2
ContainerResourceMetricSource name:1s target:2MetricTarget container:3s
ContainerResourceMetricStatus name:1s current:2MetricValueStatus container:3s
CrossVersionObjectReference kind:1s name:2s apiVersion:3s
ExternalMetricSource metric:1MetricIdentifier target:2MetricTarget
ExternalMetricStatus metric:1MetricIdentifier current:2MetricValueStatus
HPAScalingPolicy type:1s value:2i periodSeconds:3i
HPAScalingRules selectPolicy:1s? policies:2HPAScalingPolicy* stabilizationWindowSeconds:3i? tolerance:4Q
HorizontalPodAutoscaler metadata:1meta.ObjectMeta spec:2HorizontalPodAutoscalerSpec status:3HorizontalPodAutoscalerStatus
HorizontalPodAutoscalerBehavior scaleUp:1HPAScalingRules scaleDown:2HPAScalingRules
HorizontalPodAutoscalerCondition type:1s status:2s lastTransitionTime:3T reason:4s message:5s
HorizontalPodAutoscalerSpec scaleTargetRef:1CrossVersionObjectReference minReplicas:2i? maxReplicas:3i metrics:4MetricSpec* behavior:5HorizontalPodAutoscalerBehavior
HorizontalPodAutoscalerStatus observedGeneration:1l? lastScaleTime:2T currentReplicas:3i desiredReplicas:4i currentMetrics:5MetricStatus* conditions:6HorizontalPodAutoscalerCondition*
MetricIdentifier name:1s selector:2meta.LabelSelector
MetricSpec type:1s object:2ObjectMetricSource pods:3PodsMetricSource resource:4ResourceMetricSource external:5ExternalMetricSource containerResource:7ContainerResourceMetricSource
MetricStatus type:1s object:2ObjectMetricStatus pods:3PodsMetricStatus resource:4ResourceMetricStatus external:5ExternalMetricStatus containerResource:7ContainerResourceMetricStatus
MetricTarget type:1s value:2Q averageValue:3Q averageUtilization:4i?
MetricValueStatus value:1Q averageValue:2Q averageUtilization:3i?
ObjectMetricSource describedObject:1CrossVersionObjectReference target:2MetricTarget metric:3MetricIdentifier
ObjectMetricStatus metric:1MetricIdentifier current:2MetricValueStatus describedObject:3CrossVersionObjectReference
PodsMetricSource metric:1MetricIdentifier target:2MetricTarget
PodsMetricStatus metric:1MetricIdentifier current:2MetricValueStatus
ResourceMetricSource name:1s target:2MetricTarget
ResourceMetricStatus name:1s current:2MetricValueStatus
@policy
Eviction metadata:1meta.ObjectMeta deleteOptions:2meta.DeleteOptions
PodDisruptionBudget metadata:1meta.ObjectMeta spec:2PodDisruptionBudgetSpec status:3PodDisruptionBudgetStatus
PodDisruptionBudgetSpec minAvailable:1I? selector:2meta.LabelSelector maxUnavailable:3I? unhealthyPodEvictionPolicy:4s?
PodDisruptionBudgetStatus observedGeneration:1l disruptedPods:2{T} disruptionsAllowed:3i currentHealthy:4i desiredHealthy:5i expectedPods:6i conditions:7meta.Condition*
@networking
HTTPIngressPath path:1s backend:2IngressBackend pathType:3s?
HTTPIngressRuleValue paths:1HTTPIngressPath*
IPBlock cidr:1s except:2s*
Ingress metadata:1meta.ObjectMeta spec:2IngressSpec status:3IngressStatus
IngressBackend resource:3core.TypedLocalObjectReference service:4IngressServiceBackend
IngressClass metadata:1meta.ObjectMeta spec:2IngressClassSpec
IngressClassParametersReference apiGroup:1s? kind:2s name:3s scope:4s? namespace:5s?
IngressClassSpec controller:1s parameters:2IngressClassParametersReference
IngressLoadBalancerIngress ip:1s hostname:2s ports:4IngressPortStatus*
IngressLoadBalancerStatus ingress:1IngressLoadBalancerIngress*
IngressPortStatus port:1i protocol:2s error:3s?
IngressRule host:1s <ingressRuleValue:2IngressRuleValue
IngressRuleValue http:1HTTPIngressRuleValue
IngressServiceBackend name:1s port:2ServiceBackendPort
IngressSpec defaultBackend:1IngressBackend tls:2IngressTLS* rules:3IngressRule* ingressClassName:4s?
IngressStatus loadBalancer:1IngressLoadBalancerStatus
IngressTLS hosts:1s* secretName:2s
NetworkPolicy metadata:1meta.ObjectMeta spec:2NetworkPolicySpec
NetworkPolicyEgressRule ports:1NetworkPolicyPort* to:2NetworkPolicyPeer*
NetworkPolicyIngressRule ports:1NetworkPolicyPort* from:2NetworkPolicyPeer*
NetworkPolicyPeer podSelector:1meta.LabelSelector namespaceSelector:2meta.LabelSelector ipBlock:3IPBlock
NetworkPolicyPort protocol:1s? port:2I? endPort:3i?
NetworkPolicySpec podSelector:1meta.LabelSelector ingress:2NetworkPolicyIngressRule* egress:3NetworkPolicyEgressRule* policyTypes:4s*
ServiceBackendPort name:1s number:2i
@coordination
Lease metadata:1meta.ObjectMeta spec:2LeaseSpec
LeaseSpec holderIdentity:1s? leaseDurationSeconds:2i? acquireTime:3U renewTime:4U leaseTransitions:5i? strategy:6s? preferredHolder:7s?
@rbac
AggregationRule clusterRoleSelectors:1meta.LabelSelector*
ClusterRole metadata:1meta.ObjectMeta rules:2PolicyRule* aggregationRule:3AggregationRule
ClusterRoleBinding metadata:1meta.ObjectMeta subjects:2Subject* roleRef:3RoleRef
PolicyRule verbs:1s* apiGroups:2s* resources:3s* resourceNames:4s* nonResourceURLs:5s*
Role metadata:1meta.ObjectMeta rules:2PolicyRule*
RoleBinding metadata:1meta.ObjectMeta subjects:2Subject* roleRef:3RoleRef
RoleRef apiGroup:1s kind:2s name:3s
Subject kind:1s apiGroup:2s name:3s namespace:4s
@authorization
FieldSelectorAttributes rawSelector:1s requirements:2meta.FieldSelectorRequirement*
LabelSelectorAttributes rawSelector:1s requirements:2meta.LabelSelectorRequirement*
NonResourceAttributes path:1s verb:2s
NonResourceRule verbs:1s* nonResourceURLs:2s*
ResourceAttributes namespace:1s verb:2s group:3s version:4s resource:5s subresource:6s name:7s fieldSelector:8FieldSelectorAttributes labelSelector:9LabelSelectorAttributes
ResourceRule verbs:1s* apiGroups:2s* resources:3s* resourceNames:4s*
SelfSubjectAccessReview metadata:1meta.ObjectMeta spec:2SelfSubjectAccessReviewSpec status:3SubjectAccessReviewStatus
SelfSubjectAccessReviewSpec resourceAttributes:1ResourceAttributes nonResourceAttributes:2NonResourceAttributes
SelfSubjectRulesReview metadata:1meta.ObjectMeta spec:2SelfSubjectRulesReviewSpec status:3SubjectRulesReviewStatus
SelfSubjectRulesReviewSpec namespace:1s
SubjectAccessReviewStatus allowed:1b reason:2s evaluationError:3s denied:4b
SubjectRulesReviewStatus resourceRules:1ResourceRule* nonResourceRules:2NonResourceRule* incomplete:3b evaluationError:4s
@authentication
BoundObjectReference kind:1s apiVersion:2s name:3s uID:4s
ExtraValue items:1s*
SelfSubjectReview metadata:1meta.ObjectMeta status:2SelfSubjectReviewStatus
SelfSubjectReviewStatus userInfo:1UserInfo
TokenRequest metadata:1meta.ObjectMeta spec:2TokenRequestSpec status:3TokenRequestStatus
TokenRequestSpec audiences:1s* boundObjectRef:3BoundObjectReference expirationSeconds:4l?
TokenRequestStatus token:1s expirationTimestamp:2T
UserInfo username:1s uid:2s groups:3s* extra:4{ExtraValue}
@discovery
Endpoint addresses:1s* conditions:2EndpointConditions hostname:3s? targetRef:4core.ObjectReference deprecatedTopology:5{s} nodeName:6s? zone:7s? hints:8EndpointHints
EndpointConditions ready:1b? serving:2b? terminating:3b?
EndpointHints forZones:1ForZone* forNodes:2ForNode*
EndpointPort name:1s? protocol:2s? port:3i? appProtocol:4s?
EndpointSlice metadata:1meta.ObjectMeta endpoints:2Endpoint* ports:3EndpointPort* addressType:4s
ForNode name:1s
ForZone name:1s
@scheduling
PriorityClass metadata:1meta.ObjectMeta value:2i globalDefault:3b description:4s preemptionPolicy:5s?
@storage
StorageClass metadata:1meta.ObjectMeta provisioner:2s parameters:3{s} reclaimPolicy:4s? mountOptions:5s* allowVolumeExpansion:6b? volumeBindingMode:7s? allowedTopologies:8core.TopologySelectorTerm*
`;
