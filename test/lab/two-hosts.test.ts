import { inLab } from './in-lab.ts';
import { autoscalingStory } from './stories/autoscaling.ts';
import { hostNamespacesStory } from './stories/host-namespaces.ts';
import { hurtsStory } from './stories/hurts.ts';
import { twoHostsStory } from './stories/two-hosts.ts';
import { volumesStory } from './stories/volumes.ts';

inLab('two hosts', 2, [hostNamespacesStory, volumesStory, hurtsStory, autoscalingStory, twoHostsStory], { movableClocks: true });
