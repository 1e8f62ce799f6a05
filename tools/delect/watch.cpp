// SPDX-License-Identifier: MIT
// delect --watch: a line now, and one at every change, across restarts of the peer.
//
// What changed while the peer was away is not known one by one; its first answer after that is the current
// leader, so a reader never stays behind the last line's truth for longer than the peer is away.
#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/follow.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "delect/settings.hpp"

namespace coord::delect {

namespace {

class Watcher {
 public:
  explicit Watcher(const Settings& settings) : settings_(settings) {}

  // Until the connection breaks (the Error), or our output does.
  Error follow(engine::LocalConnection& peer, Status& output) {
    if (Status sent = peer.send(local::WatchLeader{1, settings_.name()}); !sent) return sent.error();
    for (;;) {
      auto answer = cli::next_answer(peer, output);
      if (!answer) return answer.error();
      if (const auto* refused = std::get_if<local::Refused>(&*answer))
        return Error{ErrorKind::unavailable, cli::shown(settings_.name()), cli::why_of(*refused), ""};
      const auto* leaders = std::get_if<local::Leaders>(&*answer);
      if (leaders == nullptr || leaders->leaders.empty()) continue;
      show(leaders->leaders.front(), leaders->as_of, peer.welcome().scope);
      output = cli::flush();
      if (!output) return output.error();
    }
  }
  bool shown() const { return last_.has_value(); }

 private:
  void show(const local::LeaderRecord& record, WallTime as_of, local::Scope scope) {
    if (last_ && same(*last_, record)) return;
    const char* event = record.leader ? "current" : "none";
    if (last_ && last_->term != record.term) event = record.leader ? "gain" : "loss";
    if (settings_.output.json) {
      cli::print(json_of(record, event, as_of, scope));
    } else if (!last_ || last_->term != record.term) {
      cli::print(fmt::format("{} {} {}{}\n", event, cli::shown(record.name), leader_text(record),
                             record.leader ? fmt::format(" term {}", record.term.value) : ""));
    }
    last_ = record;
  }
  static bool same(local::LeaderRecord a, const local::LeaderRecord& b) {
    a.last = b.last;  // a completion changes nobody's place
    return a == b;
  }

  const Settings& settings_;
  std::optional<local::LeaderRecord> last_;
};

}  // namespace

Result<cli::Exit> watch(const Settings& settings) {
  auto peer = cli::connect_to_peer(settings.peer, "delect");
  if (!peer) return peer.error();
  Watcher watcher(settings);
  return cli::follow_peer(
      std::move(*peer),
      {"delect", settings.output.quiet,
       [&](engine::LocalConnection& on, Status& output) { return watcher.follow(on, output); },
       [&] { return cli::connect_to_peer_again(settings.peer, "delect"); }});
}

}  // namespace coord::delect
