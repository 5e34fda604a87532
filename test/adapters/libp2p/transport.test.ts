import { transportAcceptance } from '../../acceptance/transport.ts';
import { libp2pWorld } from '../../support/libp2p-world.ts';

transportAcceptance('the libp2p transport', async () => libp2pWorld());
