import type { Checker } from '../checker.ts';
import { AnytimeVersionsAreOnesOwn, FinallyHeirsAreAgreed } from './alike.ts';
import { AnytimeClaimsAreBounded, AnytimeTheHealthyAreNotReplaced } from './claims.ts';
import {
  AnytimeCordonsHold,
  AnytimeOneHeirClaims,
  AnytimeOnePlaceAPod,
  AnytimeTheLivingAreNotDead,
  AnytimeTheMajoritysBindingCounts,
  AnytimeTheOriginalIsKept,
} from './conduct.ts';
import { AnytimeNodesFit, AnytimeRestartedForCause, AnytimeStoppedByOrder } from './containers.ts';
import { AnytimeTheOtherCopyRuns } from './copies.ts';
import { EventuallyAsDesired, EventuallyEqual, EventuallyOneLeader } from './convergence.ts';
import { AnytimeTokensLetOneIn } from './joining.ts';
import { AnytimeCompletedNeverRunsAgain, EventuallyKindsAsDesired } from './kinds.ts';
import { AnytimeElectorsAreKept } from './electors.ts';
import { AnytimeAtMostOne } from './once.ts';
import { AnytimeAcknowledgedIsKept, AnytimeNothingDeletedReturns, AnytimeToldAfterDisk } from './disk.ts';
import { AnytimeBoundOnce, AnytimeSlotsGoForward } from './history.ts';
import { AnytimeTheWokenCompareFirst } from './naps.ts';
import { FinallyBadObjectsAreSetAside } from './quarantine.ts';
import {
  FinallyOnlyWhatWasWritten,
  FinallyStaysSo,
  FinallySubnetsAreUnique,
  FinallyTablesAreBounded,
  FinallyTheNetworkIsQuiet,
} from './rest.ts';
import { AnytimeGravesNameTheAdmitted, AnytimeOneLeaderASide, AnytimeTheCompleteHaveAll, FinallyTheRemovedRunNothing } from './sides.ts';
import { AnytimeConflictsAreTold, EventuallyWhatWasMadeIsThere } from './users.ts';
import { AnytimeWarnedForCause } from './warnings.ts';
import { FinallyWordsAreKept } from './words.ts';
import { AnytimeEmptyViewIsNoOrder, AnytimeOnlyTheOwnerSpeaks, AnytimeTermsGrow, AnytimeWatchesAreComplete } from './views.ts';

/** In the order in which those that take time are waited for. */
export function allCheckers(): Checker[] {
  return [
    new AnytimeStoppedByOrder(),
    new AnytimeRestartedForCause(),
    new AnytimeNodesFit(),
    new AnytimeAtMostOne(),
    new AnytimeElectorsAreKept(),
    new AnytimeTokensLetOneIn(),
    new AnytimeCompletedNeverRunsAgain(),
    new AnytimeToldAfterDisk(),
    new AnytimeAcknowledgedIsKept(),
    new AnytimeWarnedForCause(),
    new AnytimeNothingDeletedReturns(),
    new AnytimeEmptyViewIsNoOrder(),
    new AnytimeOnlyTheOwnerSpeaks(),
    new AnytimeTermsGrow(),
    new AnytimeWatchesAreComplete(),
    new AnytimeVersionsAreOnesOwn(),
    new AnytimeTheLivingAreNotDead(),
    new AnytimeOnePlaceAPod(),
    new AnytimeOneHeirClaims(),
    new AnytimeCordonsHold(),
    new AnytimeTheMajoritysBindingCounts(),
    new AnytimeTheOriginalIsKept(),
    new AnytimeTheOtherCopyRuns(),
    new AnytimeTheHealthyAreNotReplaced(),
    new AnytimeClaimsAreBounded(),
    new AnytimeBoundOnce(),
    new AnytimeSlotsGoForward(),
    new AnytimeTheWokenCompareFirst(),
    new AnytimeConflictsAreTold(),
    new AnytimeOneLeaderASide(),
    new AnytimeGravesNameTheAdmitted(),
    new AnytimeTheCompleteHaveAll(),
    new EventuallyOneLeader(),
    new EventuallyEqual(),
    new EventuallyAsDesired(),
    new EventuallyKindsAsDesired(),
    new EventuallyWhatWasMadeIsThere(),
    new FinallyWordsAreKept(),
    new FinallyStaysSo(),
    new FinallyOnlyWhatWasWritten(),
    new FinallyTheNetworkIsQuiet(),
    new FinallyTablesAreBounded(),
    new FinallyTheRemovedRunNothing(),
    new FinallySubnetsAreUnique(),
    new FinallyHeirsAreAgreed(),
    new FinallyBadObjectsAreSetAside(),
  ];
}
