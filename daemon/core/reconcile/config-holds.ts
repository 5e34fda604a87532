import type { Pod } from '../../../protocol/types.ts';
import type { ConfigSource } from './config-source.ts';
import { containerNamed, environmentOf } from './environment.ts';
import type { PodFacts } from './environment.ts';
import { withContainer } from './memory.ts';
import type { PodMemory } from './memory.ts';
import { resolveVolumes } from './volumes/resolve.ts';

/** What is missing of ConfigMaps and Secrets does not depend on them. */
const NO_FACTS: PodFacts = { nodeName: '', hostIP: '', podIP: '', allocatable: {} };

/** What was missing for the volumes is there, or something else is missing: looked at again at once. */
function liftMount(memory: PodMemory, pod: Pod, config: ConfigSource): PodMemory {
  const { retry } = memory;
  if (retry?.of !== 'mountVolumes') return memory;
  const { missing } = resolveVolumes(pod, NO_FACTS, config);
  const isConfig = missingConfig(retry.message);
  return isConfig && (missing === undefined || mountFailure(missing) !== retry.message) ? { ...memory, retry: undefined } : memory;
}

/** Kubelet's words for a volume that can't be made. */
export function mountFailure({ volume, message }: { volume: string; message: string }): string {
  return `MountVolume.SetUp failed for volume "${volume}" : ${message}`;
}

function missingConfig(message: string): boolean {
  return /(?:configmap|secret) "[^"]*" not found$|persistentvolumeclaim "[^"]*" (?:not found|is not bound|has its volume on node \S+)$|references non-existent (?:config|secret) key: \S+$/.test(
    message,
  );
}

/** Lets go of containers that waited for a ConfigMap, a Secret or a key that is there by now; of the others it says what is missing now. */
export function liftConfigHolds(before: PodMemory, pod: Pod, config: ConfigSource): PodMemory {
  let memory = liftMount(before, pod, config);
  for (const [name, { hold }] of Object.entries(before.containers)) {
    if (hold?.reason !== 'CreateContainerConfigError' || hold.fixed === true) continue;
    const container = containerNamed(pod, name);
    const missing = container === undefined ? undefined : environmentOf(pod, container, NO_FACTS, config).missing;
    if (missing === hold.message) continue;
    memory = withContainer(memory, name, { hold: missing === undefined ? undefined : { ...hold, message: missing } });
  }
  return memory;
}
