import { any, boolean, integer, keyedList, list, long, object, oneOf, string, stringMap, strings } from '../schema/build.ts';
import type { ObjectSchema } from '../schema/schema.ts';
import { affinitySchema, tolerationSchema, topologySpreadConstraintSchema } from './affinity.ts';
import { containerSchema } from './container.ts';
import { objectMetaSchema } from './metadata.ts';
import { podSecurityContextSchema } from './security-context.ts';

/**
 * All of upstream's fields of a PodSpec. What only loses quality when it has no effect is stored and warned of; what would be wrong to run without is refused
 * by name.
 */
const HOST_WHY = 'the pod would run apart from the host instead of with it';
const NO_PRIORITY = 'all pods have the same priority';

export const podSpecSchema: ObjectSchema = object(
  'PodSpec',
  'What runs in the pod, and how.',
  {
    containers: keyedList('Programs of the pod. At least one.', 'name', containerSchema),
    initContainers: any('Programs that run before.', { support: 'refused', why: 'the containers would start without what these prepare' }),
    ephemeralContainers: any('Containers for debugging.', { support: 'refused', why: 'they are not run' }),
    volumes: any('Storage of the pod.', { support: 'refused', why: 'the containers would run without their files' }),
    restartPolicy: oneOf('When ended containers are started again.', ['Always', 'OnFailure', 'Never'], { default: 'Always' }),
    terminationGracePeriodSeconds: long('Seconds between the stop signal and the kill.', { default: 30, minimum: 0 }),
    activeDeadlineSeconds: long('Seconds after which the pod has failed.', {
      minimum: 1,
      maximum: 2 ** 31 - 1,
      support: 'stored',
      why: 'the pod runs on after it',
    }),
    dnsPolicy: oneOf('Which name server the pod asks.', ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'], {
      default: 'ClusterFirst',
      support: 'stored',
      why: "names are resolved as the runtime's defaults say",
      inert: ['Default'],
    }),
    dnsConfig: object(
      'PodDNSConfig',
      'Name servers and search domains.',
      {
        nameservers: strings('Name servers.'),
        options: list('Options.', object('PodDNSConfigOption', 'An option.', { name: string('Its name.'), value: string('Its value.') })),
        searches: strings('Search domains.'),
      },
      { support: 'stored', why: "names are resolved as the runtime's defaults say" },
    ),
    nodeSelector: stringMap('Labels that the node must have.'),
    nodeName: string('The node it runs on. Set by the scheduler; set by you, it bypasses it.', { check: 'dns1123Subdomain' }),
    serviceAccountName: string('Account that the pod acts as.', {
      support: 'stored',
      why: 'no credentials are mounted',
      inert: ['default'],
    }),
    serviceAccount: string('Old name of serviceAccountName.', { support: 'stored', why: 'no credentials are mounted', inert: ['default'] }),
    automountServiceAccountToken: boolean("Whether the account's credentials are mounted.", {
      support: 'stored',
      why: 'no credentials are mounted',
    }),
    hostNetwork: boolean("Uses the node's network.", { support: 'refused', why: HOST_WHY }),
    hostPID: boolean("Sees the node's processes.", { support: 'refused', why: HOST_WHY }),
    hostIPC: boolean("Uses the node's IPC.", { support: 'refused', why: HOST_WHY }),
    hostUsers: boolean("Uses the node's user ids.", { support: 'stored', why: 'it always does', inert: [true] }),
    shareProcessNamespace: boolean('Containers see each other.', { support: 'refused', why: 'the containers could not see each other' }),
    securityContext: podSecurityContextSchema,
    imagePullSecrets: keyedList(
      'Credentials for registries.',
      'name',
      object('LocalObjectReference', 'A Secret.', { name: string('Its name.') }),
      { support: 'stored', why: "images are pulled with the engine's own credentials" },
    ),
    hostname: string("Name of the host inside; the pod's name by default.", { check: 'dns1123Label' }),
    hostnameOverride: string('Name of the host inside, whatever else is said.', { support: 'stored', why: 'use hostname' }),
    subdomain: string('Domain of the pod.', { check: 'dns1123Label', support: 'stored', why: 'the pod has no name in DNS' }),
    setHostnameAsFQDN: boolean('Host name with its domain.', { support: 'stored', why: 'the pod has no name in DNS' }),
    affinity: affinitySchema,
    schedulerName: string('Scheduler that places it.', { default: 'default-scheduler', support: 'stored', why: 'there is one scheduler' }),
    tolerations: list('Taints it puts up with.', tolerationSchema, { support: 'stored', why: 'taints have no effect' }),
    hostAliases: keyedList(
      'Lines for /etc/hosts.',
      'ip',
      object('HostAlias', 'A line.', { ip: string('Address.', { check: 'ip' }), hostnames: strings('Names.') }, { required: ['ip'] }),
      { support: 'refused', why: 'the containers could not resolve these names' },
    ),
    priorityClassName: string('Importance, by name.', { support: 'stored', why: NO_PRIORITY }),
    priority: integer('Importance.', { support: 'stored', why: NO_PRIORITY, inert: [0] }),
    preemptionPolicy: string('Whether it may push others out.', {
      support: 'stored',
      why: NO_PRIORITY,
      inert: ['PreemptLowerPriority', 'Never'],
    }),
    readinessGates: list(
      'Further conditions of readiness.',
      object('PodReadinessGate', 'A condition.', { conditionType: string('Its type.') }, { required: ['conditionType'] }),
      { support: 'stored', why: 'they are not waited for' },
    ),
    schedulingGates: keyedList(
      'What must be lifted before the pod is placed.',
      'name',
      object('PodSchedulingGate', 'A gate.', { name: string('Its name.') }, { required: ['name'] }),
      { support: 'refused', why: 'the pod would start before it may' },
    ),
    runtimeClassName: string('Sort of runtime.', { support: 'refused', why: 'every pod of a node runs in the same runtime' }),
    enableServiceLinks: boolean('Variables for each Service.', {
      default: true,
      support: 'stored',
      why: 'no variables are set for Services',
    }),
    overhead: any('What the runtime itself needs.', { support: 'stored', why: 'it is not counted' }),
    topologySpreadConstraints: list('How evenly pods are spread.', topologySpreadConstraintSchema, {
      support: 'stored',
      why: 'pods of an owner are spread over nodes as evenly as they fit',
      patchMergeKey: 'topologyKey',
      listMapKeys: ['topologyKey', 'whenUnsatisfiable'],
    }),
    os: object(
      'PodOS',
      'Operating system of the containers.',
      { name: oneOf('linux.', ['linux', 'windows'], { inert: ['linux'] }) },
      { support: 'refused', why: 'only Linux containers run', required: ['name'] },
    ),
    resourceClaims: any('Devices of the pod.', { support: 'refused', why: 'the pod would run without its devices' }),
    resources: any('Resources of the whole pod.', { support: 'stored', why: "only the containers' own resources count" }),
  },
  { required: ['containers'], default: {} },
);

export const podTemplateSpecSchema: ObjectSchema = object('PodTemplateSpec', 'What each pod looks like.', {
  metadata: objectMetaSchema,
  spec: podSpecSchema,
});
