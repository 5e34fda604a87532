import { inLab } from './in-lab.ts';
import { hardshipStory } from './stories/hardship.ts';
import { powerCutStory } from './stories/power-cut.ts';

inLab('three hosts in hardship', 3, [hardshipStory, powerCutStory], { movableClocks: true });
