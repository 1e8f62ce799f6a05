// SPDX-License-Identifier: MIT
// delect --watch: a line now, and one at every change, across restarts of the peer.
//
// What changed while the peer was away is not known one by one; its first answer after that is the current
// leader, so a reader never stays behind the last line's truth for longer than the peer is away.
#include <poll.h>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "delect/settings.hpp"
#include "process/boot_time.hpp"

namespace coord::delect {

namespace {

class Watcher {
 public:
  explicit Watcher(const Settings& settings) : settings_(settings) {}

  // Until the connection breaks (the Error), or our output does.
  Error follow(engine::LocalConnection& peer, Status& output) {
    if (Status sent = peer.send(local::WatchLeader{1, settings_.name()}); !sent) return sent.error();
    for (;;) {
      auto answer = peer.wait(std::nullopt);
      if (!answer) return answer.error();
      if (const auto* refused = std::get_if<local::Refused>(&**answer))
        return Error{ErrorKind::unavailable, cli::shown(settings_.name()), refused->why, ""};
      const auto* leaders = std::get_if<local::Leaders>(&**answer);
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
      cli::print(std::string(event) + " " + cli::shown(record.name) + " " + leader_text(record) +
                 (record.leader ? fmt::format(" term {}", record.term.value) : "") + "\n");
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
  Status output = done();
  cli::BackOff pause;
  bool told = false;
  for (;;) {
    const Instant began = process::boot_now();
    const Error broken = watcher.follow(*peer, output);
    if (!output) return output.error();
    if (!told && !settings.output.quiet) cli::notice("delect", broken.text() + ": waiting for it");
    told = true;
    if (process::boot_now() - began >= std::chrono::seconds(1)) pause.reset();  // else it ends as it begins
    for (;;) {
      const auto ms = std::chrono::ceil<std::chrono::milliseconds>(pause.next()).count();
      ::poll(nullptr, 0, static_cast<int>(ms));
      auto again = cli::connect_again(settings.peer, "delect");
      if (!again) continue;
      *peer = std::move(again->peer);
      break;
    }
  }
}

}  // namespace coord::delect
