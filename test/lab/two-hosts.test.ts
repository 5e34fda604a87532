import { inLab } from './in-lab.ts';
import { autoscalingStory } from './stories/autoscaling.ts';
import { hostNamespacesStory } from './stories/host-namespaces.ts';
import { hurtsStory } from './stories/hurts.ts';
import { twoHostsStory } from './stories/two-hosts.ts';

inLab('two hosts', 2, [hostNamespacesStory, hurtsStory, autoscalingStory, twoHostsStory], { movableClocks: true });
