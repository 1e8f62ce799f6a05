// SPDX-License-Identifier: MIT
// dkv watch: a line now, and one at every change, across restarts of the peer.
//
// What changed while the peer was away is not known one by one; its first answer after that is the current
// value, so a reader never stays behind the last line's truth for longer than the peer is away.
#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/follow.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "dkv/settings.hpp"

namespace coord::dkv {

namespace {

class Watcher {
 public:
  explicit Watcher(const Settings& settings) : settings_(settings) {}

  // Until the connection breaks (the Error), or our output does.
  Error follow(engine::LocalConnection& peer, Status& output) {
    if (Status sent = peer.send(local::Question{1, service::GetValue{settings_.key}, false, true}); !sent)
      return sent.error();
    for (;;) {
      auto answer = cli::next_answer(peer, output);
      if (!answer) return answer.error();
      if (const auto* refused = std::get_if<local::Refused>(&*answer))
        return cli::refused_by_peer(cli::shown(settings_.key), *refused);
      const auto* shown = std::get_if<local::Shown>(&*answer);
      if (shown == nullptr) continue;
      show(std::get<service::ValueView>(shown->what), shown->as_of, peer.welcome().scope);
      output = cli::flush();
      if (!output) return output.error();
    }
  }

 private:
  void show(const service::ValueView& view, WallTime as_of, local::Scope scope) {
    if (last_ == view.of.version) return;
    last_ = view.of.version;
    if (settings_.json) {
      cli::print(json_of(view.of, &view.value, as_of, scope));
    } else if (view.of.version == Token{}) {
      cli::print("0\n");
    } else {
      cli::print(fmt::format("{} {}\n", view.of.version.value, cli::shown(view.value)));
    }
  }

  const Settings& settings_;
  std::optional<Token> last_;
};

}  // namespace

Result<cli::Exit> watch(const Settings& settings) {
  if (settings.native) return watch_native(settings);
  auto peer = connect(settings);
  if (!peer) return peer.error();
  Watcher watcher(settings);
  return cli::follow_peer(std::move(*peer), {"dkv", settings.quiet,
                                             [&](engine::LocalConnection& on, Status& output) {
                                               return watcher.follow(on, output);
                                             },
                                             [&] { return connect(settings); }});
}

}  // namespace coord::dkv
