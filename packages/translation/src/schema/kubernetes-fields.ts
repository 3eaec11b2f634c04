/**
 * The objects of the Kubernetes API (1.36) that are read, and everything inside them, field by field, so that a field
 * that does not exist is found the way the API server finds it under strict validation. Notation: field-table.ts.
 */
export const KUBERNETES_FIELDS: Readonly<Record<string, string>> = {
  Pod: 'apiVersion:string! kind:string! metadata:ObjectMeta! spec:PodSpec! status:PodStatus',
  ObjectMeta:
    'annotations:annotations creationTimestamp:time deletionGracePeriodSeconds:int deletionTimestamp:time ' +
    'finalizers:string[] generateName:string generation:int labels:labels managedFields:anything[] name:string ' +
    'namespace:dns-label ownerReferences:OwnerReference[] resourceVersion:string selfLink:string uid:string',
  OwnerReference:
    'apiVersion:string! blockOwnerDeletion:boolean controller:boolean kind:string! name:string! uid:string!',
  PodSpec:
    'activeDeadlineSeconds:count affinity:Affinity automountServiceAccountToken:boolean ' +
    'containers:Container[]! dnsConfig:PodDNSConfig ' +
    'dnsPolicy:ClusterFirst|ClusterFirstWithHostNet|Default|None enableServiceLinks:boolean ' +
    'ephemeralContainers:EphemeralContainer[] hostAliases:HostAlias[] hostIPC:boolean hostNetwork:boolean ' +
    'hostPID:boolean hostUsers:boolean hostname:dns-label hostnameOverride:string ' +
    'imagePullSecrets:LocalObjectReference[] initContainers:Container[] nodeName:dns-name ' +
    'nodeSelector:string{} os:PodOS overhead:quantity{} preemptionPolicy:PreemptLowerPriority|Never ' +
    'priority:int priorityClassName:string readinessGates:PodReadinessGate[] ' +
    'resourceClaims:PodResourceClaim[] resources:ResourceRequirements restartPolicy:Always|OnFailure|Never ' +
    'runtimeClassName:string schedulerName:string schedulingGates:PodSchedulingGate[] ' +
    'schedulingGroup:PodSchedulingGroup securityContext:PodSecurityContext serviceAccount:dns-name ' +
    'serviceAccountName:dns-name setHostnameAsFQDN:boolean shareProcessNamespace:boolean subdomain:dns-label ' +
    'terminationGracePeriodSeconds:count tolerations:Toleration[] ' +
    'topologySpreadConstraints:TopologySpreadConstraint[] volumes:Volume[]',
  Affinity: 'nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAntiAffinity',
  NodeAffinity:
    'preferredDuringSchedulingIgnoredDuringExecution:PreferredSchedulingTerm[] ' +
    'requiredDuringSchedulingIgnoredDuringExecution:NodeSelector',
  PreferredSchedulingTerm: 'preference:NodeSelectorTerm weight:int',
  NodeSelectorTerm: 'matchExpressions:NodeSelectorRequirement[] matchFields:NodeSelectorRequirement[]',
  NodeSelectorRequirement: 'key:string operator:string values:string[]',
  NodeSelector: 'nodeSelectorTerms:NodeSelectorTerm[]',
  PodAffinity:
    'preferredDuringSchedulingIgnoredDuringExecution:WeightedPodAffinityTerm[] ' +
    'requiredDuringSchedulingIgnoredDuringExecution:PodAffinityTerm[]',
  WeightedPodAffinityTerm: 'podAffinityTerm:PodAffinityTerm weight:int',
  PodAffinityTerm:
    'labelSelector:LabelSelector matchLabelKeys:string[] mismatchLabelKeys:string[] ' +
    'namespaceSelector:LabelSelector namespaces:string[] topologyKey:string',
  LabelSelector: 'matchExpressions:LabelSelectorRequirement[] matchLabels:labels',
  LabelSelectorRequirement: 'key:string! operator:In|NotIn|Exists|DoesNotExist! values:string[]',
  PodAntiAffinity:
    'preferredDuringSchedulingIgnoredDuringExecution:WeightedPodAffinityTerm[] ' +
    'requiredDuringSchedulingIgnoredDuringExecution:PodAffinityTerm[]',
  Container:
    'args:string[] command:string[] env:EnvVar[] envFrom:EnvFromSource[] image:string ' +
    'imagePullPolicy:Always|IfNotPresent|Never lifecycle:Lifecycle livenessProbe:Probe name:dns-label! ' +
    'ports:ContainerPort[] readinessProbe:Probe resizePolicy:ContainerResizePolicy[] ' +
    'resources:ResourceRequirements restartPolicy:Always|OnFailure|Never ' +
    'restartPolicyRules:ContainerRestartRule[] securityContext:SecurityContext startupProbe:Probe ' +
    'stdin:boolean stdinOnce:boolean terminationMessagePath:string terminationMessagePolicy:string ' +
    'tty:boolean volumeDevices:VolumeDevice[] volumeMounts:VolumeMount[] workingDir:string',
  EnvVar: 'name:string! value:string valueFrom:EnvVarSource',
  EnvVarSource:
    'configMapKeyRef:ConfigMapKeySelector fieldRef:ObjectFieldSelector fileKeyRef:FileKeySelector ' +
    'resourceFieldRef:ResourceFieldSelector secretKeyRef:SecretKeySelector',
  ConfigMapKeySelector: 'key:string name:string optional:boolean',
  ObjectFieldSelector: 'apiVersion:string fieldPath:string',
  FileKeySelector: 'key:string optional:boolean path:string volumeName:string',
  ResourceFieldSelector: 'containerName:string divisor:quantity resource:string',
  SecretKeySelector: 'key:string name:string optional:boolean',
  EnvFromSource: 'configMapRef:ConfigMapEnvSource prefix:string secretRef:SecretEnvSource',
  ConfigMapEnvSource: 'name:string optional:boolean',
  SecretEnvSource: 'name:string optional:boolean',
  Lifecycle: 'postStart:LifecycleHandler preStop:LifecycleHandler stopSignal:string',
  LifecycleHandler: 'exec:ExecAction httpGet:HTTPGetAction sleep:SleepAction tcpSocket:TCPSocketAction',
  ExecAction: 'command:string[]',
  HTTPGetAction: 'host:string httpHeaders:HTTPHeader[] path:string port:port-or-name! scheme:HTTP|HTTPS',
  HTTPHeader: 'name:string! value:string!',
  SleepAction: 'seconds:count!',
  TCPSocketAction: 'host:string port:port-or-name!',
  Probe:
    'exec:ExecAction failureThreshold:count grpc:GRPCAction httpGet:HTTPGetAction initialDelaySeconds:count ' +
    'periodSeconds:count successThreshold:count tcpSocket:TCPSocketAction terminationGracePeriodSeconds:count ' +
    'timeoutSeconds:count',
  GRPCAction: 'port:port! service:string',
  ContainerPort: 'containerPort:port! hostIP:string hostPort:port-or-zero name:port-name protocol:TCP|UDP|SCTP',
  ContainerResizePolicy: 'resourceName:string restartPolicy:string',
  ResourceRequirements: 'claims:ResourceClaim[] limits:quantity{} requests:quantity{}',
  ResourceClaim: 'name:string request:string',
  ContainerRestartRule: 'action:string exitCodes:ContainerRestartRuleOnExitCodes',
  ContainerRestartRuleOnExitCodes: 'operator:string values:int[]',
  SecurityContext:
    'allowPrivilegeEscalation:boolean appArmorProfile:AppArmorProfile capabilities:Capabilities ' +
    'privileged:boolean procMount:string readOnlyRootFilesystem:boolean runAsGroup:int runAsNonRoot:boolean ' +
    'runAsUser:int seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile ' +
    'windowsOptions:WindowsSecurityContextOptions',
  AppArmorProfile: 'localhostProfile:string type:string',
  Capabilities: 'add:string[] drop:string[]',
  SELinuxOptions: 'level:string role:string type:string user:string',
  SeccompProfile: 'localhostProfile:string type:string',
  WindowsSecurityContextOptions:
    'gmsaCredentialSpec:string gmsaCredentialSpecName:string hostProcess:boolean runAsUserName:string',
  VolumeDevice: 'devicePath:string name:string',
  VolumeMount:
    'mountPath:string! mountPropagation:string name:string! readOnly:boolean recursiveReadOnly:string ' +
    'subPath:string subPathExpr:string',
  PodDNSConfig: 'nameservers:string[] options:PodDNSConfigOption[] searches:string[]',
  PodDNSConfigOption: 'name:string value:string',
  EphemeralContainer:
    'args:string[] command:string[] env:EnvVar[] envFrom:EnvFromSource[] image:string ' +
    'imagePullPolicy:Always|IfNotPresent|Never lifecycle:Lifecycle livenessProbe:Probe name:dns-label! ' +
    'ports:ContainerPort[] readinessProbe:Probe resizePolicy:ContainerResizePolicy[] ' +
    'resources:ResourceRequirements restartPolicy:string restartPolicyRules:ContainerRestartRule[] ' +
    'securityContext:SecurityContext startupProbe:Probe stdin:boolean stdinOnce:boolean ' +
    'targetContainerName:string terminationMessagePath:string terminationMessagePolicy:string tty:boolean ' +
    'volumeDevices:VolumeDevice[] volumeMounts:VolumeMount[] workingDir:string',
  HostAlias: 'hostnames:string[] ip:string',
  LocalObjectReference: 'name:string',
  PodOS: 'name:string',
  PodReadinessGate: 'conditionType:string',
  PodResourceClaim: 'name:string resourceClaimName:string resourceClaimTemplateName:string',
  PodSchedulingGate: 'name:string',
  PodSchedulingGroup: 'podGroupName:string',
  PodSecurityContext:
    'appArmorProfile:AppArmorProfile fsGroup:int fsGroupChangePolicy:string runAsGroup:int ' +
    'runAsNonRoot:boolean runAsUser:int seLinuxChangePolicy:string seLinuxOptions:SELinuxOptions ' +
    'seccompProfile:SeccompProfile supplementalGroups:int[] supplementalGroupsPolicy:string sysctls:Sysctl[] ' +
    'windowsOptions:WindowsSecurityContextOptions',
  Sysctl: 'name:string value:string',
  Toleration: 'effect:string key:string operator:string tolerationSeconds:int value:string',
  TopologySpreadConstraint:
    'labelSelector:LabelSelector matchLabelKeys:string[] maxSkew:int minDomains:int nodeAffinityPolicy:string ' +
    'nodeTaintsPolicy:string topologyKey:string whenUnsatisfiable:string',
  Volume:
    'awsElasticBlockStore:AWSElasticBlockStoreVolumeSource azureDisk:AzureDiskVolumeSource ' +
    'azureFile:AzureFileVolumeSource cephfs:CephFSVolumeSource cinder:CinderVolumeSource ' +
    'configMap:ConfigMapVolumeSource csi:CSIVolumeSource downwardAPI:DownwardAPIVolumeSource ' +
    'emptyDir:EmptyDirVolumeSource ephemeral:EphemeralVolumeSource fc:FCVolumeSource ' +
    'flexVolume:FlexVolumeSource flocker:FlockerVolumeSource gcePersistentDisk:GCEPersistentDiskVolumeSource ' +
    'gitRepo:GitRepoVolumeSource glusterfs:GlusterfsVolumeSource hostPath:HostPathVolumeSource ' +
    'image:ImageVolumeSource iscsi:ISCSIVolumeSource name:dns-label! nfs:NFSVolumeSource ' +
    'persistentVolumeClaim:PersistentVolumeClaimVolumeSource ' +
    'photonPersistentDisk:PhotonPersistentDiskVolumeSource portworxVolume:PortworxVolumeSource ' +
    'projected:ProjectedVolumeSource quobyte:QuobyteVolumeSource rbd:RBDVolumeSource ' +
    'scaleIO:ScaleIOVolumeSource secret:SecretVolumeSource storageos:StorageOSVolumeSource ' +
    'vsphereVolume:VsphereVirtualDiskVolumeSource',
  AWSElasticBlockStoreVolumeSource: 'fsType:string partition:int readOnly:boolean volumeID:string',
  AzureDiskVolumeSource: 'cachingMode:string diskName:string diskURI:string fsType:string kind:string readOnly:boolean',
  AzureFileVolumeSource: 'readOnly:boolean secretName:string shareName:string',
  CephFSVolumeSource:
    'monitors:string[] path:string readOnly:boolean secretFile:string secretRef:LocalObjectReference ' + 'user:string',
  CinderVolumeSource: 'fsType:string readOnly:boolean secretRef:LocalObjectReference volumeID:string',
  ConfigMapVolumeSource: 'defaultMode:int items:KeyToPath[] name:string optional:boolean',
  KeyToPath: 'key:string mode:int path:string',
  CSIVolumeSource:
    'driver:string fsType:string nodePublishSecretRef:LocalObjectReference readOnly:boolean ' +
    'volumeAttributes:string{}',
  DownwardAPIVolumeSource: 'defaultMode:int items:DownwardAPIVolumeFile[]',
  DownwardAPIVolumeFile: 'fieldRef:ObjectFieldSelector mode:int path:string resourceFieldRef:ResourceFieldSelector',
  EmptyDirVolumeSource: 'medium:string sizeLimit:quantity',
  EphemeralVolumeSource: 'volumeClaimTemplate:PersistentVolumeClaimTemplate',
  PersistentVolumeClaimTemplate: 'metadata:ObjectMeta spec:PersistentVolumeClaimSpec',
  PersistentVolumeClaimSpec:
    'accessModes:string[] dataSource:TypedLocalObjectReference dataSourceRef:TypedObjectReference ' +
    'resources:VolumeResourceRequirements selector:LabelSelector storageClassName:string ' +
    'volumeAttributesClassName:string volumeMode:string volumeName:string',
  TypedLocalObjectReference: 'apiGroup:string kind:string name:string',
  TypedObjectReference: 'apiGroup:string kind:string name:string namespace:string',
  VolumeResourceRequirements: 'limits:quantity{} requests:quantity{}',
  FCVolumeSource: 'fsType:string lun:int readOnly:boolean targetWWNs:string[] wwids:string[]',
  FlexVolumeSource: 'driver:string fsType:string options:string{} readOnly:boolean secretRef:LocalObjectReference',
  FlockerVolumeSource: 'datasetName:string datasetUUID:string',
  GCEPersistentDiskVolumeSource: 'fsType:string partition:int pdName:string readOnly:boolean',
  GitRepoVolumeSource: 'directory:string repository:string revision:string',
  GlusterfsVolumeSource: 'endpoints:string path:string readOnly:boolean',
  HostPathVolumeSource: 'path:string! type:string',
  ImageVolumeSource: 'pullPolicy:string reference:string',
  ISCSIVolumeSource:
    'chapAuthDiscovery:boolean chapAuthSession:boolean fsType:string initiatorName:string iqn:string ' +
    'iscsiInterface:string lun:int portals:string[] readOnly:boolean secretRef:LocalObjectReference ' +
    'targetPortal:string',
  NFSVolumeSource: 'path:string readOnly:boolean server:string',
  PersistentVolumeClaimVolumeSource: 'claimName:string! readOnly:boolean',
  PhotonPersistentDiskVolumeSource: 'fsType:string pdID:string',
  PortworxVolumeSource: 'fsType:string readOnly:boolean volumeID:string',
  ProjectedVolumeSource: 'defaultMode:int sources:VolumeProjection[]',
  VolumeProjection:
    'clusterTrustBundle:ClusterTrustBundleProjection configMap:ConfigMapProjection ' +
    'downwardAPI:DownwardAPIProjection podCertificate:PodCertificateProjection secret:SecretProjection ' +
    'serviceAccountToken:ServiceAccountTokenProjection',
  ClusterTrustBundleProjection:
    'labelSelector:LabelSelector name:string optional:boolean path:string signerName:string',
  ConfigMapProjection: 'items:KeyToPath[] name:string optional:boolean',
  DownwardAPIProjection: 'items:DownwardAPIVolumeFile[]',
  PodCertificateProjection:
    'certificateChainPath:string credentialBundlePath:string keyPath:string keyType:string ' +
    'maxExpirationSeconds:int signerName:string userAnnotations:string{}',
  SecretProjection: 'items:KeyToPath[] name:string optional:boolean',
  ServiceAccountTokenProjection: 'audience:string expirationSeconds:int path:string',
  QuobyteVolumeSource: 'group:string readOnly:boolean registry:string tenant:string user:string volume:string',
  RBDVolumeSource:
    'fsType:string image:string keyring:string monitors:string[] pool:string readOnly:boolean ' +
    'secretRef:LocalObjectReference user:string',
  ScaleIOVolumeSource:
    'fsType:string gateway:string protectionDomain:string readOnly:boolean secretRef:LocalObjectReference ' +
    'sslEnabled:boolean storageMode:string storagePool:string system:string volumeName:string',
  SecretVolumeSource: 'defaultMode:int items:KeyToPath[] optional:boolean secretName:string',
  StorageOSVolumeSource:
    'fsType:string readOnly:boolean secretRef:LocalObjectReference volumeName:string volumeNamespace:string',
  VsphereVirtualDiskVolumeSource: 'fsType:string storagePolicyID:string storagePolicyName:string volumePath:string',
  PodStatus:
    'allocatedResources:quantity{} conditions:PodCondition[] containerStatuses:ContainerStatus[] ' +
    'ephemeralContainerStatuses:ContainerStatus[] extendedResourceClaimStatus:PodExtendedResourceClaimStatus ' +
    'hostIP:string hostIPs:HostIP[] initContainerStatuses:ContainerStatus[] message:string ' +
    'nodeAllocatableResourceClaimStatuses:NodeAllocatableResourceClaimStatus[] nominatedNodeName:string ' +
    'observedGeneration:int phase:Pending|Running|Succeeded|Failed|Unknown podIP:ip-or-empty podIPs:PodIP[] ' +
    'qosClass:string reason:string resize:string resourceClaimStatuses:PodResourceClaimStatus[] ' +
    'resources:ResourceRequirements startTime:time',
  PodCondition:
    'lastProbeTime:time lastTransitionTime:time message:string observedGeneration:int reason:string ' +
    'status:True|False|Unknown! type:string!',
  ContainerStatus:
    'allocatedResources:quantity{} allocatedResourcesStatus:ResourceStatus[] containerID:string image:string ' +
    'imageID:string lastState:ContainerState name:string ready:boolean resources:ResourceRequirements ' +
    'restartCount:int started:boolean state:ContainerState stopSignal:string user:ContainerUser ' +
    'volumeMounts:VolumeMountStatus[]',
  ResourceStatus: 'name:string resources:ResourceHealth[]',
  ResourceHealth: 'health:string message:string resourceID:string',
  ContainerState: 'running:ContainerStateRunning terminated:ContainerStateTerminated waiting:ContainerStateWaiting',
  ContainerStateRunning: 'startedAt:time',
  ContainerStateTerminated:
    'containerID:string exitCode:int finishedAt:time message:string reason:string signal:int startedAt:time',
  ContainerStateWaiting: 'message:string reason:string',
  ContainerUser: 'linux:LinuxContainerUser',
  LinuxContainerUser: 'gid:int supplementalGroups:int[] uid:int',
  VolumeMountStatus: 'mountPath:string name:string readOnly:boolean recursiveReadOnly:string volumeStatus:VolumeStatus',
  VolumeStatus: 'image:ImageVolumeStatus',
  ImageVolumeStatus: 'imageRef:string',
  PodExtendedResourceClaimStatus: 'requestMappings:ContainerExtendedResourceRequest[] resourceClaimName:string',
  ContainerExtendedResourceRequest: 'containerName:string requestName:string resourceName:string',
  HostIP: 'ip:string',
  NodeAllocatableResourceClaimStatus: 'containers:string[] resourceClaimName:string resources:quantity{}',
  PodIP: 'ip:ip!',
  PodResourceClaimStatus: 'name:string resourceClaimName:string',
  Service: 'apiVersion:string! kind:string! metadata:ObjectMeta! spec:ServiceSpec! status:ServiceStatus',
  ServiceSpec:
    'allocateLoadBalancerNodePorts:boolean clusterIP:cluster-ip clusterIPs:cluster-ip[2] externalIPs:ip[] ' +
    'externalName:string externalTrafficPolicy:Cluster|Local healthCheckNodePort:port-or-zero ' +
    'internalTrafficPolicy:Cluster|Local ipFamilies:IPv4|IPv6[2] ' +
    'ipFamilyPolicy:SingleStack|PreferDualStack|RequireDualStack loadBalancerClass:string ' +
    'loadBalancerIP:string loadBalancerSourceRanges:cidr[] ports:ServicePort[] ' +
    'publishNotReadyAddresses:boolean selector:labels sessionAffinity:None|ClientIP ' +
    'sessionAffinityConfig:SessionAffinityConfig ' +
    'trafficDistribution:PreferClose|PreferSameZone|PreferSameNode ' +
    'type:ClusterIP|NodePort|LoadBalancer|ExternalName',
  ServicePort:
    'appProtocol:string name:dns-label nodePort:port-or-zero port:port! protocol:TCP|UDP|SCTP ' +
    'targetPort:port-or-name',
  SessionAffinityConfig: 'clientIP:ClientIPConfig',
  ClientIPConfig: 'timeoutSeconds:int',
  ServiceStatus: 'conditions:Condition[] loadBalancer:LoadBalancerStatus',
  Condition: 'lastTransitionTime:time message:string observedGeneration:int reason:string status:string type:string',
  LoadBalancerStatus: 'ingress:LoadBalancerIngress[]',
  LoadBalancerIngress: 'hostname:string ip:string ipMode:string ports:PortStatus[]',
  PortStatus: 'error:string port:int protocol:string',
  Deployment: 'apiVersion:string! kind:string! metadata:ObjectMeta! spec:DeploymentSpec! status:DeploymentStatus',
  DeploymentSpec:
    'minReadySeconds:int paused:boolean progressDeadlineSeconds:int replicas:count revisionHistoryLimit:int ' +
    'selector:LabelSelector! strategy:DeploymentStrategy template:PodTemplateSpec!',
  DeploymentStrategy: 'rollingUpdate:RollingUpdateDeployment type:Recreate|RollingUpdate',
  RollingUpdateDeployment: 'maxSurge:int-or-string maxUnavailable:int-or-string',
  PodTemplateSpec: 'metadata:TemplateMeta spec:PodSpec!',
  DeploymentStatus:
    'availableReplicas:int collisionCount:int conditions:DeploymentCondition[] observedGeneration:int ' +
    'readyReplicas:int replicas:int terminatingReplicas:int unavailableReplicas:int updatedReplicas:int',
  DeploymentCondition:
    'lastTransitionTime:time lastUpdateTime:time message:string reason:string status:string type:string',
  Namespace: 'apiVersion:string! kind:string! metadata:ObjectMeta! spec:NamespaceSpec status:NamespaceStatus',
  NamespaceSpec: 'finalizers:string[]',
  NamespaceStatus: 'conditions:NamespaceCondition[] phase:string',
  NamespaceCondition: 'lastTransitionTime:time message:string reason:string status:string type:string',
  Node: 'apiVersion:string! kind:string! metadata:ObjectMeta! spec:NodeSpec status:NodeStatus',
  NodeSpec:
    'configSource:NodeConfigSource externalID:string podCIDR:string podCIDRs:string[] providerID:string ' +
    'taints:Taint[] unschedulable:boolean',
  NodeConfigSource: 'configMap:ConfigMapNodeConfigSource',
  ConfigMapNodeConfigSource: 'kubeletConfigKey:string name:string namespace:string resourceVersion:string uid:string',
  Taint: 'effect:string key:string timeAdded:time value:string',
  NodeStatus:
    'addresses:NodeAddress[] allocatable:quantity{} capacity:quantity{} conditions:NodeCondition[] ' +
    'config:NodeConfigStatus daemonEndpoints:NodeDaemonEndpoints declaredFeatures:string[] ' +
    'features:NodeFeatures images:ContainerImage[] nodeInfo:NodeSystemInfo phase:string ' +
    'runtimeHandlers:NodeRuntimeHandler[] volumesAttached:AttachedVolume[] volumesInUse:string[]',
  NodeAddress: 'address:string type:string',
  NodeCondition:
    'lastHeartbeatTime:time lastTransitionTime:time message:string reason:string status:string type:string',
  NodeConfigStatus: 'active:NodeConfigSource assigned:NodeConfigSource error:string lastKnownGood:NodeConfigSource',
  NodeDaemonEndpoints: 'kubeletEndpoint:DaemonEndpoint',
  DaemonEndpoint: 'Port:int',
  NodeFeatures: 'supplementalGroupsPolicy:boolean',
  ContainerImage: 'names:string[] sizeBytes:int',
  NodeSystemInfo:
    'architecture:string bootID:string containerRuntimeVersion:string kernelVersion:string ' +
    'kubeProxyVersion:string kubeletVersion:string machineID:string operatingSystem:string osImage:string ' +
    'swap:NodeSwapStatus systemUUID:string',
  NodeSwapStatus: 'capacity:int',
  NodeRuntimeHandler: 'features:NodeRuntimeHandlerFeatures name:string',
  NodeRuntimeHandlerFeatures: 'recursiveReadOnlyMounts:boolean userNamespaces:boolean',
  AttachedVolume: 'devicePath:string name:string',
  ConfigMap: 'apiVersion:string! kind:string! metadata:ObjectMeta! data:string{} binaryData:anything immutable:boolean',
  Secret:
    'apiVersion:string! kind:string! metadata:ObjectMeta! type:string data:string{} stringData:string{} immutable:boolean',
  ServiceAccount:
    'apiVersion:string! automountServiceAccountToken:boolean imagePullSecrets:LocalObjectReference[] ' +
    'kind:string! metadata:ObjectMeta! secrets:ObjectReference[]',
  ObjectReference:
    'apiVersion:string fieldPath:string kind:string name:string namespace:string resourceVersion:string ' +
    'uid:string',
  EndpointSlice:
    'addressType:IPv4|IPv6|FQDN! apiVersion:string! endpoints:Endpoint[1000]! kind:string! ' +
    'metadata:ObjectMeta! ports:EndpointPort[]',
  Endpoint:
    'addresses:string[100]! conditions:EndpointConditions deprecatedTopology:string{} hints:EndpointHints ' +
    'hostname:string nodeName:string targetRef:ObjectReference zone:string',
  EndpointConditions: 'ready:boolean serving:boolean terminating:boolean',
  EndpointHints: 'forNodes:ForNode[] forZones:ForZone[]',
  ForNode: 'name:string',
  ForZone: 'name:string',
  EndpointPort: 'appProtocol:string name:string port:port protocol:TCP|UDP|SCTP',
  TemplateMeta:
    'annotations:annotations creationTimestamp:time deletionGracePeriodSeconds:int deletionTimestamp:time ' +
    'finalizers:string[] generateName:string generation:int labels:labels managedFields:anything[] name:string ' +
    'namespace:dns-label ownerReferences:OwnerReference[] resourceVersion:string selfLink:string uid:string',
};
