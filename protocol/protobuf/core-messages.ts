/** Field numbers of k8s.io.api.core.v1. How to read it: see `table.ts`. */
export const CORE_MESSAGES = `
@core
AWSElasticBlockStoreVolumeSource volumeID:1s fsType:2s partition:3i readOnly:4b
Affinity nodeAffinity:1NodeAffinity podAffinity:2PodAffinity podAntiAffinity:3PodAntiAffinity
AppArmorProfile type:1s localhostProfile:2s?
AttachedVolume name:1s devicePath:2s
AzureDiskVolumeSource diskName:1s diskURI:2s cachingMode:3s? fsType:4s? readOnly:5b? kind:6s?
AzureFileVolumeSource secretName:1s shareName:2s readOnly:3b
Binding metadata:1meta.ObjectMeta target:2ObjectReference
CSIVolumeSource driver:1s readOnly:2b? fsType:3s? volumeAttributes:4{s} nodePublishSecretRef:5LocalObjectReference
Capabilities add:1s* drop:2s*
CephFSVolumeSource monitors:1s* path:2s user:3s secretFile:4s secretRef:5LocalObjectReference readOnly:6b
CinderVolumeSource volumeID:1s fsType:2s readOnly:3b secretRef:4LocalObjectReference
ClientIPConfig timeoutSeconds:1i?
ClusterTrustBundleProjection name:1s? signerName:2s? labelSelector:3meta.LabelSelector path:4s optional:5b?
ConfigMap metadata:1meta.ObjectMeta data:2{s} binaryData:3{y} immutable:4b?
ConfigMapEnvSource <localObjectReference:1LocalObjectReference optional:2b?
ConfigMapKeySelector <localObjectReference:1LocalObjectReference key:2s optional:3b?
ConfigMapNodeConfigSource namespace:1s name:2s uid:3s resourceVersion:4s kubeletConfigKey:5s
ConfigMapProjection <localObjectReference:1LocalObjectReference items:2KeyToPath* optional:4b?
ConfigMapVolumeSource <localObjectReference:1LocalObjectReference items:2KeyToPath* defaultMode:3i? optional:4b?
Container name:1s image:2s command:3s* args:4s* workingDir:5s ports:6ContainerPort* env:7EnvVar* resources:8ResourceRequirements volumeMounts:9VolumeMount* livenessProbe:10Probe readinessProbe:11Probe lifecycle:12Lifecycle terminationMessagePath:13s imagePullPolicy:14s securityContext:15SecurityContext stdin:16b stdinOnce:17b tty:18b envFrom:19EnvFromSource* terminationMessagePolicy:20s volumeDevices:21VolumeDevice* startupProbe:22Probe resizePolicy:23ContainerResizePolicy* restartPolicy:24s?
ContainerImage names:1s* sizeBytes:2l
ContainerPort name:1s hostPort:2i containerPort:3i protocol:4s hostIP:5s
ContainerResizePolicy resourceName:1s restartPolicy:2s
ContainerState waiting:1ContainerStateWaiting running:2ContainerStateRunning terminated:3ContainerStateTerminated
ContainerStateRunning startedAt:1T
ContainerStateTerminated exitCode:1i signal:2i reason:3s message:4s startedAt:5T finishedAt:6T containerID:7s
ContainerStateWaiting reason:1s message:2s
ContainerStatus name:1s state:2ContainerState lastState:3ContainerState ready:4b restartCount:5i image:6s imageID:7s containerID:8s started:9b? allocatedResources:10{Q} resources:11ResourceRequirements volumeMounts:12VolumeMountStatus* user:13ContainerUser allocatedResourcesStatus:14ResourceStatus* stopSignal:15s?
ContainerUser linux:1LinuxContainerUser
DaemonEndpoint Port:1i
DownwardAPIProjection items:1DownwardAPIVolumeFile*
DownwardAPIVolumeFile path:1s fieldRef:2ObjectFieldSelector resourceFieldRef:3ResourceFieldSelector mode:4i?
DownwardAPIVolumeSource items:1DownwardAPIVolumeFile* defaultMode:2i?
EmptyDirVolumeSource medium:1s sizeLimit:2Q
EndpointAddress ip:1s targetRef:2ObjectReference hostname:3s nodeName:4s?
EndpointPort name:1s port:2i protocol:3s appProtocol:4s?
EndpointSubset addresses:1EndpointAddress* notReadyAddresses:2EndpointAddress* ports:3EndpointPort*
Endpoints metadata:1meta.ObjectMeta subsets:2EndpointSubset*
EnvFromSource prefix:1s configMapRef:2ConfigMapEnvSource secretRef:3SecretEnvSource
EnvVar name:1s value:2s valueFrom:3EnvVarSource
EnvVarSource fieldRef:1ObjectFieldSelector resourceFieldRef:2ResourceFieldSelector configMapKeyRef:3ConfigMapKeySelector secretKeyRef:4SecretKeySelector
EphemeralContainer <ephemeralContainerCommon:1EphemeralContainerCommon targetContainerName:2s
EphemeralContainerCommon name:1s image:2s command:3s* args:4s* workingDir:5s ports:6ContainerPort* env:7EnvVar* resources:8ResourceRequirements volumeMounts:9VolumeMount* livenessProbe:10Probe readinessProbe:11Probe lifecycle:12Lifecycle terminationMessagePath:13s imagePullPolicy:14s securityContext:15SecurityContext stdin:16b stdinOnce:17b tty:18b envFrom:19EnvFromSource* terminationMessagePolicy:20s volumeDevices:21VolumeDevice* startupProbe:22Probe resizePolicy:23ContainerResizePolicy* restartPolicy:24s?
EphemeralVolumeSource volumeClaimTemplate:1PersistentVolumeClaimTemplate
Event metadata:1meta.ObjectMeta involvedObject:2ObjectReference reason:3s message:4s source:5EventSource firstTimestamp:6T lastTimestamp:7T count:8i type:9s eventTime:10U series:11EventSeries action:12s related:13ObjectReference reportingComponent:14s reportingInstance:15s
EventSeries count:1i lastObservedTime:2U
EventSource component:1s host:2s
ExecAction command:1s*
FCVolumeSource targetWWNs:1s* lun:2i? fsType:3s readOnly:4b wwids:5s*
FlexVolumeSource driver:1s fsType:2s secretRef:3LocalObjectReference readOnly:4b options:5{s}
FlockerVolumeSource datasetName:1s datasetUUID:2s
GCEPersistentDiskVolumeSource pdName:1s fsType:2s partition:3i readOnly:4b
GRPCAction port:1i service:2s?
GitRepoVolumeSource repository:1s revision:2s directory:3s
GlusterfsVolumeSource endpoints:1s path:2s readOnly:3b
HTTPGetAction path:1s port:2I host:3s scheme:4s httpHeaders:5HTTPHeader*
HTTPHeader name:1s value:2s
HostAlias ip:1s hostnames:2s*
HostIP ip:1s
HostPathVolumeSource path:1s type:2s?
ISCSIVolumeSource targetPortal:1s iqn:2s lun:3i iscsiInterface:4s fsType:5s readOnly:6b portals:7s* chapAuthDiscovery:8b secretRef:10LocalObjectReference chapAuthSession:11b initiatorName:12s?
ImageVolumeSource reference:1s pullPolicy:2s
KeyToPath key:1s path:2s mode:3i?
Lifecycle postStart:1LifecycleHandler preStop:2LifecycleHandler stopSignal:3s?
LifecycleHandler exec:1ExecAction httpGet:2HTTPGetAction tcpSocket:3TCPSocketAction sleep:4SleepAction
LimitRange metadata:1meta.ObjectMeta spec:2LimitRangeSpec
LimitRangeItem type:1s max:2{Q} min:3{Q} default:4{Q} defaultRequest:5{Q} maxLimitRequestRatio:6{Q}
LimitRangeSpec limits:1LimitRangeItem*
LinuxContainerUser uid:1l gid:2l supplementalGroups:3l*
LoadBalancerIngress ip:1s hostname:2s ipMode:3s? ports:4PortStatus*
LoadBalancerStatus ingress:1LoadBalancerIngress*
LocalObjectReference name:1s
ModifyVolumeStatus targetVolumeAttributesClassName:1s status:2s
NFSVolumeSource server:1s path:2s readOnly:3b
Namespace metadata:1meta.ObjectMeta spec:2NamespaceSpec status:3NamespaceStatus
NamespaceCondition type:1s status:2s lastTransitionTime:4T reason:5s message:6s
NamespaceSpec finalizers:1s*
NamespaceStatus phase:1s conditions:2NamespaceCondition*
Node metadata:1meta.ObjectMeta spec:2NodeSpec status:3NodeStatus
NodeAddress type:1s address:2s
NodeAffinity requiredDuringSchedulingIgnoredDuringExecution:1NodeSelector preferredDuringSchedulingIgnoredDuringExecution:2PreferredSchedulingTerm*
NodeCondition type:1s status:2s lastHeartbeatTime:3T lastTransitionTime:4T reason:5s message:6s
NodeConfigSource configMap:2ConfigMapNodeConfigSource
NodeConfigStatus assigned:1NodeConfigSource active:2NodeConfigSource lastKnownGood:3NodeConfigSource error:4s
NodeDaemonEndpoints kubeletEndpoint:1DaemonEndpoint
NodeFeatures supplementalGroupsPolicy:1b?
NodeRuntimeHandler name:1s features:2NodeRuntimeHandlerFeatures
NodeRuntimeHandlerFeatures recursiveReadOnlyMounts:1b? userNamespaces:2b?
NodeSelector nodeSelectorTerms:1NodeSelectorTerm*
NodeSelectorRequirement key:1s operator:2s values:3s*
NodeSelectorTerm matchExpressions:1NodeSelectorRequirement* matchFields:2NodeSelectorRequirement*
NodeSpec podCIDR:1s externalID:2s providerID:3s unschedulable:4b taints:5Taint* configSource:6NodeConfigSource podCIDRs:7s*
NodeStatus capacity:1{Q} allocatable:2{Q} phase:3s conditions:4NodeCondition* addresses:5NodeAddress* daemonEndpoints:6NodeDaemonEndpoints nodeInfo:7NodeSystemInfo images:8ContainerImage* volumesInUse:9s* volumesAttached:10AttachedVolume* config:11NodeConfigStatus runtimeHandlers:12NodeRuntimeHandler* features:13NodeFeatures
NodeSwapStatus capacity:1l?
NodeSystemInfo machineID:1s systemUUID:2s bootID:3s kernelVersion:4s osImage:5s containerRuntimeVersion:6s kubeletVersion:7s kubeProxyVersion:8s operatingSystem:9s architecture:10s swap:11NodeSwapStatus
ObjectFieldSelector apiVersion:1s fieldPath:2s
ObjectReference kind:1s namespace:2s name:3s uid:4s apiVersion:5s resourceVersion:6s fieldPath:7s
PersistentVolumeClaim metadata:1meta.ObjectMeta spec:2PersistentVolumeClaimSpec status:3PersistentVolumeClaimStatus
PersistentVolumeClaimCondition type:1s status:2s lastProbeTime:3T lastTransitionTime:4T reason:5s message:6s
PersistentVolumeClaimSpec accessModes:1s* resources:2VolumeResourceRequirements volumeName:3s selector:4meta.LabelSelector storageClassName:5s? volumeMode:6s? dataSource:7TypedLocalObjectReference dataSourceRef:8TypedObjectReference volumeAttributesClassName:9s?
PersistentVolumeClaimStatus phase:1s accessModes:2s* capacity:3{Q} conditions:4PersistentVolumeClaimCondition* allocatedResources:5{Q} allocatedResourceStatuses:7{s} currentVolumeAttributesClassName:8s? modifyVolumeStatus:9ModifyVolumeStatus
PersistentVolumeClaimTemplate metadata:1meta.ObjectMeta spec:2PersistentVolumeClaimSpec
PersistentVolumeClaimVolumeSource claimName:1s readOnly:2b
PhotonPersistentDiskVolumeSource pdID:1s fsType:2s
Pod metadata:1meta.ObjectMeta spec:2PodSpec status:3PodStatus
PodAffinity requiredDuringSchedulingIgnoredDuringExecution:1PodAffinityTerm* preferredDuringSchedulingIgnoredDuringExecution:2WeightedPodAffinityTerm*
PodAffinityTerm labelSelector:1meta.LabelSelector namespaces:2s* topologyKey:3s namespaceSelector:4meta.LabelSelector matchLabelKeys:5s* mismatchLabelKeys:6s*
PodAntiAffinity requiredDuringSchedulingIgnoredDuringExecution:1PodAffinityTerm* preferredDuringSchedulingIgnoredDuringExecution:2WeightedPodAffinityTerm*
PodCondition type:1s status:2s lastProbeTime:3T lastTransitionTime:4T reason:5s message:6s observedGeneration:7l
PodDNSConfig nameservers:1s* searches:2s* options:3PodDNSConfigOption*
PodDNSConfigOption name:1s value:2s?
PodIP ip:1s
PodOS name:1s
PodReadinessGate conditionType:1s
PodResourceClaim name:1s resourceClaimName:3s? resourceClaimTemplateName:4s?
PodResourceClaimStatus name:1s resourceClaimName:2s?
PodSchedulingGate name:1s
PodSecurityContext seLinuxOptions:1SELinuxOptions runAsUser:2l? runAsNonRoot:3b? supplementalGroups:4l* fsGroup:5l? runAsGroup:6l? sysctls:7Sysctl* windowsOptions:8WindowsSecurityContextOptions fsGroupChangePolicy:9s? seccompProfile:10SeccompProfile appArmorProfile:11AppArmorProfile supplementalGroupsPolicy:12s? seLinuxChangePolicy:13s?
PodSpec volumes:1Volume* containers:2Container* restartPolicy:3s terminationGracePeriodSeconds:4l? activeDeadlineSeconds:5l? dnsPolicy:6s nodeSelector:7{s} serviceAccountName:8s serviceAccount:9s nodeName:10s hostNetwork:11b hostPID:12b hostIPC:13b securityContext:14PodSecurityContext imagePullSecrets:15LocalObjectReference* hostname:16s subdomain:17s affinity:18Affinity schedulerName:19s initContainers:20Container* automountServiceAccountToken:21b? tolerations:22Toleration* hostAliases:23HostAlias* priorityClassName:24s priority:25i? dnsConfig:26PodDNSConfig shareProcessNamespace:27b? readinessGates:28PodReadinessGate* runtimeClassName:29s? enableServiceLinks:30b? preemptionPolicy:31s? overhead:32{Q} topologySpreadConstraints:33TopologySpreadConstraint* ephemeralContainers:34EphemeralContainer* setHostnameAsFQDN:35b? os:36PodOS hostUsers:37b? schedulingGates:38PodSchedulingGate* resourceClaims:39PodResourceClaim* resources:40ResourceRequirements
PodStatus phase:1s conditions:2PodCondition* message:3s reason:4s hostIP:5s podIP:6s startTime:7T containerStatuses:8ContainerStatus* qosClass:9s initContainerStatuses:10ContainerStatus* nominatedNodeName:11s podIPs:12PodIP* ephemeralContainerStatuses:13ContainerStatus* resize:14s resourceClaimStatuses:15PodResourceClaimStatus* hostIPs:16HostIP* observedGeneration:17l
PodTemplateSpec metadata:1meta.ObjectMeta spec:2PodSpec
PortStatus port:1i protocol:2s error:3s?
PortworxVolumeSource volumeID:1s fsType:2s readOnly:3b
PreferredSchedulingTerm weight:1i preference:2NodeSelectorTerm
Probe <handler:1ProbeHandler initialDelaySeconds:2i timeoutSeconds:3i periodSeconds:4i successThreshold:5i failureThreshold:6i terminationGracePeriodSeconds:7l?
ProbeHandler exec:1ExecAction httpGet:2HTTPGetAction tcpSocket:3TCPSocketAction grpc:4GRPCAction
ProjectedVolumeSource sources:1VolumeProjection* defaultMode:2i?
QuobyteVolumeSource registry:1s volume:2s readOnly:3b user:4s group:5s tenant:6s
RBDVolumeSource monitors:1s* image:2s fsType:3s pool:4s user:5s keyring:6s secretRef:7LocalObjectReference readOnly:8b
ReplicationController metadata:1meta.ObjectMeta spec:2ReplicationControllerSpec status:3ReplicationControllerStatus
ReplicationControllerCondition type:1s status:2s lastTransitionTime:3T reason:4s message:5s
ReplicationControllerSpec replicas:1i? selector:2{s} template:3PodTemplateSpec minReadySeconds:4i
ReplicationControllerStatus replicas:1i fullyLabeledReplicas:2i observedGeneration:3l readyReplicas:4i availableReplicas:5i conditions:6ReplicationControllerCondition*
ResourceClaim name:1s request:2s
ResourceFieldSelector containerName:1s resource:2s divisor:3Q
ResourceHealth resourceID:1s health:2s
ResourceQuota metadata:1meta.ObjectMeta spec:2ResourceQuotaSpec status:3ResourceQuotaStatus
ResourceQuotaSpec hard:1{Q} scopes:2s* scopeSelector:3ScopeSelector
ResourceQuotaStatus hard:1{Q} used:2{Q}
ResourceRequirements limits:1{Q} requests:2{Q} claims:3ResourceClaim*
ResourceStatus name:1s resources:2ResourceHealth*
SELinuxOptions user:1s role:2s type:3s level:4s
ScaleIOVolumeSource gateway:1s system:2s secretRef:3LocalObjectReference sslEnabled:4b protectionDomain:5s storagePool:6s storageMode:7s volumeName:8s fsType:9s readOnly:10b
ScopeSelector matchExpressions:1ScopedResourceSelectorRequirement*
ScopedResourceSelectorRequirement scopeName:1s operator:2s values:3s*
SeccompProfile type:1s localhostProfile:2s?
Secret metadata:1meta.ObjectMeta data:2{y} type:3s stringData:4{s} immutable:5b?
SecretEnvSource <localObjectReference:1LocalObjectReference optional:2b?
SecretKeySelector <localObjectReference:1LocalObjectReference key:2s optional:3b?
SecretProjection <localObjectReference:1LocalObjectReference items:2KeyToPath* optional:4b?
SecretVolumeSource secretName:1s items:2KeyToPath* defaultMode:3i? optional:4b?
SecurityContext capabilities:1Capabilities privileged:2b? seLinuxOptions:3SELinuxOptions runAsUser:4l? runAsNonRoot:5b? readOnlyRootFilesystem:6b? allowPrivilegeEscalation:7b? runAsGroup:8l? procMount:9s? windowsOptions:10WindowsSecurityContextOptions seccompProfile:11SeccompProfile appArmorProfile:12AppArmorProfile
Service metadata:1meta.ObjectMeta spec:2ServiceSpec status:3ServiceStatus
ServiceAccount metadata:1meta.ObjectMeta secrets:2ObjectReference* imagePullSecrets:3LocalObjectReference* automountServiceAccountToken:4b?
ServiceAccountTokenProjection audience:1s expirationSeconds:2l? path:3s
ServicePort name:1s protocol:2s port:3i targetPort:4I nodePort:5i appProtocol:6s?
ServiceSpec ports:1ServicePort* selector:2{s} clusterIP:3s type:4s externalIPs:5s* sessionAffinity:7s loadBalancerIP:8s loadBalancerSourceRanges:9s* externalName:10s externalTrafficPolicy:11s healthCheckNodePort:12i publishNotReadyAddresses:13b sessionAffinityConfig:14SessionAffinityConfig ipFamilyPolicy:17s? clusterIPs:18s* ipFamilies:19s* allocateLoadBalancerNodePorts:20b? loadBalancerClass:21s? internalTrafficPolicy:22s? trafficDistribution:23s?
ServiceStatus loadBalancer:1LoadBalancerStatus conditions:2meta.Condition*
SessionAffinityConfig clientIP:1ClientIPConfig
SleepAction seconds:1l
StorageOSVolumeSource volumeName:1s volumeNamespace:2s fsType:3s readOnly:4b secretRef:5LocalObjectReference
Sysctl name:1s value:2s
TCPSocketAction port:1I host:2s
Taint key:1s value:2s effect:3s timeAdded:4T
Toleration key:1s operator:2s value:3s effect:4s tolerationSeconds:5l?
TopologySelectorLabelRequirement key:1s values:2s*
TopologySelectorTerm matchLabelExpressions:1TopologySelectorLabelRequirement*
TopologySpreadConstraint maxSkew:1i topologyKey:2s whenUnsatisfiable:3s labelSelector:4meta.LabelSelector minDomains:5i? nodeAffinityPolicy:6s? nodeTaintsPolicy:7s? matchLabelKeys:8s*
TypedLocalObjectReference apiGroup:1s? kind:2s name:3s
TypedObjectReference apiGroup:1s? kind:2s name:3s namespace:4s?
Volume name:1s <volumeSource:2VolumeSource
VolumeDevice name:1s devicePath:2s
VolumeMount name:1s readOnly:2b mountPath:3s subPath:4s mountPropagation:5s? subPathExpr:6s recursiveReadOnly:7s?
VolumeMountStatus name:1s mountPath:2s readOnly:3b recursiveReadOnly:4s?
VolumeProjection secret:1SecretProjection downwardAPI:2DownwardAPIProjection configMap:3ConfigMapProjection serviceAccountToken:4ServiceAccountTokenProjection clusterTrustBundle:5ClusterTrustBundleProjection
VolumeResourceRequirements limits:1{Q} requests:2{Q}
VolumeSource hostPath:1HostPathVolumeSource emptyDir:2EmptyDirVolumeSource gcePersistentDisk:3GCEPersistentDiskVolumeSource awsElasticBlockStore:4AWSElasticBlockStoreVolumeSource gitRepo:5GitRepoVolumeSource secret:6SecretVolumeSource nfs:7NFSVolumeSource iscsi:8ISCSIVolumeSource glusterfs:9GlusterfsVolumeSource persistentVolumeClaim:10PersistentVolumeClaimVolumeSource rbd:11RBDVolumeSource flexVolume:12FlexVolumeSource cinder:13CinderVolumeSource cephfs:14CephFSVolumeSource flocker:15FlockerVolumeSource downwardAPI:16DownwardAPIVolumeSource fc:17FCVolumeSource azureFile:18AzureFileVolumeSource configMap:19ConfigMapVolumeSource vsphereVolume:20VsphereVirtualDiskVolumeSource quobyte:21QuobyteVolumeSource azureDisk:22AzureDiskVolumeSource photonPersistentDisk:23PhotonPersistentDiskVolumeSource portworxVolume:24PortworxVolumeSource scaleIO:25ScaleIOVolumeSource projected:26ProjectedVolumeSource storageos:27StorageOSVolumeSource csi:28CSIVolumeSource ephemeral:29EphemeralVolumeSource image:30ImageVolumeSource
VsphereVirtualDiskVolumeSource volumePath:1s fsType:2s storagePolicyName:3s storagePolicyID:4s
WeightedPodAffinityTerm weight:1i podAffinityTerm:2PodAffinityTerm
WindowsSecurityContextOptions gmsaCredentialSpecName:1s? gmsaCredentialSpec:2s? runAsUserName:3s? hostProcess:4b?
`;
