import { any, integer, list, map, object, oneOf, string, time } from '../schema/build.ts';
import type { Schema } from '../schema/schema.ts';

/**
 * Merged fields that the API does not show. People can't write them; peers can, so that their shape is checked before any decision reads them.
 */
const count = integer('A number of members.', { minimum: 0 });
const ordinal = integer('A slot or a generation.', { minimum: 0 });

export const kithFieldsSchema: Schema = object('KithFields', "Kith's own facts about the object.", {
  binding: object(
    'Binding',
    'Where a pod runs, and who says so.',
    {
      node: string('The node.', { check: 'dns1123Subdomain' }),
      membersSeen: count,
      membersKnown: count,
      term: integer('Election term.', { format: 'int64', minimum: 0 }),
      by: oneOf('Who bound it.', ['leader', 'heir', 'user']),
      rank: integer('Rank among heirs.', { minimum: 0 }),
      at: time('When.'),
    },
    { required: ['node', 'membersSeen', 'membersKnown', 'term', 'by', 'rank', 'at'] },
  ),
  outcome: object(
    'PodOutcome',
    "A pod's end.",
    {
      phase: oneOf('How it ended.', ['Succeeded', 'Failed']),
      reason: string('Why.'),
      message: string('Why, for people.'),
      node: string('Where.'),
      finishedAt: time('When.'),
      containerStatuses: list('Its containers.', any('One of them.')),
    },
    { required: ['phase', 'node', 'finishedAt'] },
  ),
  slots: map(
    'What fills each slot.',
    object(
      'SlotState',
      'A slot.',
      {
        epoch: ordinal,
        generation: ordinal,
        done: oneOf('How it ended.', ['Succeeded', 'Failed']),
        failures: integer('Pods that failed.', { minimum: 0 }),
        excused: ordinal,
        claim: object(
          'SlotClaim',
          'It was taken over.',
          { from: ordinal, node: string('The heir; none when the scheduler has to find a node.'), membersSeen: count, membersKnown: count },
          { required: ['from', 'membersSeen', 'membersKnown'] },
        ),
      },
      { required: ['epoch', 'generation'] },
    ),
  ),
  retired: list('Slots that are closed.', ordinal),
  slot: object(
    'PodSlot',
    'The slot that a pod fills.',
    { owner: string('Uid of its owner.'), slot: ordinal, generation: ordinal },
    {
      required: ['owner', 'slot', 'generation'],
    },
  ),
  facts: map('Other facts.', any('One of them.')),
});
