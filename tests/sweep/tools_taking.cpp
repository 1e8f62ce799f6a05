// SPDX-License-Identifier: MIT
// How tools take up what they are granted (wire/local_taking.hpp), at once, late or never.
#include "sweep/tools.hpp"

namespace coord::sweep {

void Tools::granted(std::uint64_t id, Run& run, const local::Granted& grant) {
  if (run.stage != Stage::asking) return;
  run.sent = grant.sent;
  run.token = grant.token;
  run.session = grant.session;
  run.secret = grant.secret;
  check_slot(run, grant.attempt);
  for (const std::size_t i : run.seen) {
    seen_[i].token = grant.token;
    seen_[i].answered = world_.now();
    seen_[i].ran = false;
  }
  if (run.speaks < 2) return begin(id, run);
  if (!run.probe && world_.now() < quiet_from_ && random_.chance(config_.stopped))
    return stop_for_good(id, run);
  run.stage = Stage::taking;
  say(run, local::Started{1, static_cast<std::uint32_t>(id), run.request.ttl * 3 / 10});
}

// The child gets the word, if it is there and nothing was read too late: dlock does not begin what it must
// stop at once.
void Tools::begin(std::uint64_t id, Run& run) {
  if (!run.child || world_.local_now(run.host) >= stop_by(run)) return not_begun(id, run);
  for (const std::size_t i : run.seen) {
    seen_[i].answered = world_.now();
    seen_[i].ran = true;
  }
  start_command(id, run);
}

// It would ask anew: as another run does after it.
void Tools::not_begun(std::uint64_t id, Run& run) {
  finish_seen(run, false);
  wrapper_exits(id, run);
}

// Its connection stays open as long as it is stopped, and it says nothing more.
void Tools::stop_for_good(std::uint64_t id, Run& run) {
  finish_seen(run, false);
  ++stopped_[run.host];
  forget(id);
}

}  // namespace coord::sweep
