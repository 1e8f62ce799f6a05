// SPDX-License-Identifier: MIT
#include "service/answer.hpp"

namespace coord::service {

std::string describe(Refusal why) {
  switch (why) {
    case Refusal::none:
      return "not refused";
    case Refusal::held:
      return "held by another: wait, or try again later";
    case Refusal::permits_differ:
      return "in use with another number of slots: use the same number, or wait until it is free";
    case Refusal::invalid:
      return "a name, number or duration is out of its range: correct it";
    case Refusal::no_such_session:
      return "the session has ended: open a new one";
    case Refusal::not_your_session:
      return "the session belongs to another peer: ask that peer";
    case Refusal::request_in_use:
      return "the session holds or waits under this request number already: use another";
    case Refusal::no_such_request:
      return "nothing is held or waited for under this request number: nothing to do";
    case Refusal::not_held:
      return "it is still waited for: cancel it instead";
    case Refusal::too_many_sessions:
      return "the group has too many sessions: end some, or wait";
    case Refusal::too_many_of_user:
      return "this user has too many sessions on this peer: end some, or wait";
    case Refusal::too_many_requests:
      return "the group has too many holds and waits: end some, or wait";
    case Refusal::too_many_of_session:
      return "the session has too many holds and waits: release some first";
    case Refusal::too_many_names:
      return "the group has too many names in use: release some, or wait";
    case Refusal::owner_too_long:
      return "the command line or another text about the owner is too long: shorten it";
    case Refusal::too_many_owner_bytes:
      return "the texts about all owners take too much room: end some sessions, or wait";
    case Refusal::too_far_ahead:
      return "too many commands of this peer are not settled: wait for older ones";
    case Refusal::registration_replaced:
      return "another process has registered for this peer: register again";
    case Refusal::exclusive_in_shared:
      return "shared by a command that this one runs inside of: take it exclusively there, or share it here";
    case Refusal::rate_differs:
      return "in use with another rate, or as a lock: use the same --rate, or wait until it is free";
    case Refusal::slot_done:
      return "done already: nothing to do";
    case Refusal::slot_running:
      return "its work is being done: nothing to do";
    case Refusal::attempts_used:
      return "begun as often as --attempts allows, and never completed: look at its runs";
    case Refusal::too_many_slots:
      return "the group remembers too many slots: use fewer keys, or wait until old ones are forgotten";
    case Refusal::not_leading:
      return "not led any more by the one you meant: look again";
    case Refusal::deadlock:
      return "waiting would never end: this would wait for a command that waits for this one";
    case Refusal::not_permitted:
      return "only its holder's user and root may break it: ask them";
    case Refusal::not_yours:
      return "it is another user's: only that user and root may";
    case Refusal::too_many_names_of_user:
      return "this user has too many names in use: end some, or use fewer";
    case Refusal::too_many_slots_of_user:
      return "the group remembers too many slots of this user: use fewer names or keys";
    case Refusal::too_many_barriers_of_user:
      return "this user has too many barriers in use: wait until some are over";
    case Refusal::moving:
      return "moving: this peer hands over to a group and grants nothing meanwhile: try again later, or end "
             "that with dpeers hand-over --abort";
    case Refusal::wrong_version:
      return "the key has another version: read it again";
    case Refusal::lives_with_command:
      return "the key is there as long as a command runs: wait until that has ended";
    case Refusal::no_such_key:
      return "there is no such key: nothing to do";
    case Refusal::too_many_values:
      return "the group's map is full: remove some keys";
    case Refusal::too_many_values_of_user:
      return "this user has too many keys: remove some";
    case Refusal::ring_is_changing:
      return "another host comes or goes: wait until that is over (chordctl ring)";
    case Refusal::not_in_ring:
      return "this host is not in the ring: nothing to do";
    case Refusal::last_in_ring:
      return "no other host is in the ring, and its values would be lost: dump them, then --discard";
    case Refusal::forgotten:
      return "it was forgotten after this proposal was made, which is void: propose again for a new decision";
    case Refusal::no_such_decision:
      return "nothing is decided: nothing to do";
    case Refusal::too_many_decisions:
      return "the group remembers too many decisions: forget some";
    case Refusal::too_many_decisions_of_user:
      return "the group remembers too many decisions of this user: forget some";
    case Refusal::too_many_transactions:
      return "the group, or this user, has too many transactions: forget some";
    case Refusal::counts_differ:
      return "the others have another -n: use the same, or another name";
    case Refusal::all_have_come:
      return "it has as many participants as -n says, none with this --id: see --status";
    case Refusal::run_replaced:
      return "this participant was started again, and speaks no more here: leave it to the later one";
    case Refusal::not_decided:
      return "it is not decided yet: wait until it is, or let a participant end it with -w";
    case Refusal::no_such_transaction:
      return "there is no such transaction: nothing to do";
    case Refusal::entries_differ:
      return "in use with another --algorithm or --among, or without: use the same, or wait until it is free "
             "(a minute after the last participant, or see dlock --forget-algorithm)";
    case Refusal::no_such_epoch:
      return "no --algorithm is in use there: nothing to do";
    case Refusal::too_many_epochs:
      return "too many names are in use with an --algorithm: wait, or see dlock --forget-algorithm";
    case Refusal::too_many_epochs_of_user:
      return "this user has too many names in use with an --algorithm: wait, or see dlock --forget-algorithm";
    case Refusal::no_such_site:
      return "one of its sites is no host of the group any more: try again";
    case Refusal::algorithms_differ:
      return "it is decided by another algorithm or protocol: use that one, see --list";
    case Refusal::id_in_use:
      return "a participant with this id is there already: give each an --id of its own";
    case Refusal::terms_differ:
      return "others wait there with another -n, --quorum, --after, --expect or --in-turn: use the same, or "
             "another name";
    case Refusal::not_expected:
      return "all places belong to others that --expect names: give --id one of them";
    case Refusal::too_many_barriers:
      return "the group has too many barriers in use: wait until some are over";
    case Refusal::no_such_barrier:
      return "nobody waits or runs there: nothing to do";
    case Refusal::no_command:
      return "no command of this session runs in a barrier: nothing to do";
    case Refusal::other_users_enrolment:
      return "enrolled here by another user: only that user and root may change it: ask them";
    case Refusal::not_enrolled:
      return "this host is not enrolled for it: see --list";
    case Refusal::generation_over:
      return "this host was away while its generation ended: see --status";
  }
  return "unknown reason: use the same version on every peer";
}

}  // namespace coord::service
