// SPDX-License-Identifier: MIT
// delect --resign, --evict, --enroll, --withdraw: what changes who leads.
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "delect/settings.hpp"
#include "process/boot_time.hpp"

namespace coord::delect {

namespace {

// Done, or why not: nothing means Done.
Result<std::optional<local::Refused>> order(engine::LocalConnection& peer, const local::Request& request) {
  const Instant end = cli::must_answer_by(peer, process::boot_now());
  if (Status sent = peer.send(request); !sent) return sent.error();
  for (;;) {
    auto answer = peer.wait(end);
    if (!answer || !answer->has_value())
      return Error{ErrorKind::unknown, answer ? "the order" : answer.error().object,
                   answer ? "the peer does not answer" : answer.error().what,
                   "it may have taken effect: --who tells"};
    if (std::holds_alternative<local::Done>(**answer)) return std::optional<local::Refused>();
    if (auto* refused = std::get_if<local::Refused>(&**answer))
      return std::optional<local::Refused>(std::move(*refused));
  }
}

Result<cli::Exit> refused_exit(const Settings& settings, const local::Refused& refused) {
  if (refused.kind == local::RefusedKind::held) {
    cli::notice("delect", fmt::format("{}: {}", cli::shown(settings.name()), refused.why));
    return cli::Exit::no;
  }
  return cli::refused_by_peer(cli::shown(settings.name()), refused);
}

// A person at a terminal; nobody else is asked.
bool agrees(const Settings& settings, const local::LeaderRecord& record) {
  std::fprintf(stderr, "delect: %s is led by %s: stop its command? [y/N] ",
               cli::shown(settings.name()).c_str(), leader_text(record).c_str());
  std::string line;
  std::getline(std::cin, line);
  return line == "y" || line == "Y" || line == "yes";
}

// Until somebody else leads, or nobody.
Result<cli::Exit> wait_until_over(engine::LocalConnection& peer, const Settings& settings, Token term) {
  if (Status sent = peer.send(local::WatchLeader{2, settings.name()}); !sent) return sent.error();
  for (;;) {
    auto answer = peer.wait(std::nullopt);
    if (!answer)
      return Error{ErrorKind::unknown, answer.error().object, answer.error().what,
                   "the leader was told to stop: --who tells"};
    const auto* leaders = std::get_if<local::Leaders>(&**answer);
    if (leaders == nullptr || leaders->leaders.empty()) continue;
    if (leaders->leaders.front().term != term) return cli::Exit::done;
  }
}

}  // namespace

Result<cli::Exit> depose(const Settings& settings) {
  const bool evict = settings.mode == Mode::evict;
  if (evict && !settings.yes && !cli::is_terminal(STDIN_FILENO))
    return Error{ErrorKind::usage, "--evict", "there is no terminal to ask at", "add --yes"};
  auto peer = cli::connect_to_peer(settings.peer, "delect");
  if (!peer) return peer.error();
  auto known = ask_leaders(*peer, settings, {settings.name()});
  if (!known) return known.error();
  const local::LeaderRecord& record = known->leaders.front();
  if (!record.leader) {
    cli::notice("delect", fmt::format("{}: nobody leads", cli::shown(settings.name())));
    return cli::Exit::no;
  }
  if (evict && !settings.yes && !agrees(settings, record)) return cli::Exit::no;
  auto refused = order(*peer, local::Depose{2, settings.name(), record.term, !evict});
  if (!refused) return refused.error();
  if (*refused) return refused_exit(settings, **refused);
  return wait_until_over(*peer, settings, record.term);
}

Result<cli::Exit> stand(const Settings& settings) {
  auto peer = cli::connect_to_peer(settings.peer, "delect");
  if (!peer) return peer.error();
  local::Stand request;
  request.request = 1;
  request.name = settings.name();
  request.enroll = settings.mode == Mode::enroll;
  request.priority = settings.priority;
  request.value = settings.value.value_or(host_name());
  auto refused = order(*peer, request);
  if (!refused) return refused.error();
  if (*refused) return refused_exit(settings, **refused);
  return cli::Exit::done;
}

}  // namespace coord::delect
