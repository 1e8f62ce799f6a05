// SPDX-License-Identifier: MIT
#include "dpeers/hand_over.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <thread>

#include "base/counted.hpp"
#include "base/format.hpp"
#include "base/hand_over.hpp"
#include "cli/authority.hpp"
#include "cli/autostart.hpp"
#include "cli/host_peer.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "process/boot_time.hpp"
#include "ring/answers.hpp"
#include "ring/requests.hpp"
#include "wire/channel.hpp"
#include "wire/codec.hpp"
#include "wire/local.hpp"
#include "wire/local_part.hpp"

namespace coord::dpeers {

namespace {

using local::HandOverStep;

constexpr Duration look_every = std::chrono::milliseconds(50);
constexpr Duration step_patience = std::chrono::seconds(10);

// By default what root hands over is the host's, and what anybody else hands over is his own.
Result<cli::Authority> authority_of(const HandOverSettings& settings) {
  if (!settings.peer.socket.empty()) return cli::find_authority(settings.peer.socket, "");
  if (settings.peer.scope == cli::Scope::cluster)
    return Error{ErrorKind::usage, "--scope cluster", "a group is not handed over", "give private or host"};
  const auto host_wide = cli::has_host_peer();
  if (!host_wide) return host_wide.error();
  const bool of_host = settings.peer.scope == cli::Scope::host ||
                       (settings.peer.scope == cli::Scope::any && *host_wide && ::geteuid() == 0);
  return cli::lone_authority(of_host);
}

Result<engine::LocalConnection> connect(const cli::Authority& authority) {
  const engine::Trust trust{authority.system_user, {}};
  auto peer = engine::LocalConnection::open(authority.socket, "dpeers", nullptr, trust);
  if (peer || !authority.may_be_started() || authority.running) return peer;
  if (auto started = cli::start_peer(authority); !started) return started.error();
  return engine::LocalConnection::open(authority.socket, "dpeers", nullptr, trust);
}

Result<local::LoneView> ask(engine::LocalConnection& peer, HandOverStep step) {
  if (Status sent = peer.send(local::HandOver{1, step}); !sent) return sent.error();
  const Instant end = process::boot_now() + step_patience;
  for (;;) {
    auto answer = peer.wait(end);
    if (!answer) return answer.error();
    if (!answer->has_value())
      return Error{ErrorKind::unavailable, "hand-over", "the peer does not answer", "see its log"};
    if (const auto* refused = std::get_if<local::Refused>(&**answer))
      return Error{ErrorKind::unavailable, "hand-over", refused->why, ""};
    if (auto* view = std::get_if<local::LoneView>(&**answer)) return std::move(*view);
  }
}

// A peer that has only just begun may have to read its log, and to raise its level,
// without which it cannot be closed.
Result<local::LoneView> look_once_begun(engine::LocalConnection& peer) {
  constexpr Duration patience = std::chrono::seconds(3);
  const Instant end = process::boot_now() + patience;
  for (;;) {
    auto view = ask(peer, HandOverStep::look);
    if ((view && view->begun) || process::boot_now() >= end) return view;
    std::this_thread::sleep_for(look_every);
  }
}

// Asks for the step until it has been taken, or the time is over.
template <class Taken>
Result<local::LoneView> ask_until(engine::LocalConnection& peer, HandOverStep step, Instant end,
                                  Taken taken) {
  for (;;) {
    auto view = ask(peer, step);
    if (!view || taken(*view) || process::boot_now() >= end) return view;
    std::this_thread::sleep_for(look_every);
  }
}

// nullopt: the peer does not say.
std::optional<ring::StatusOf> status_of_ring(engine::LocalConnection& peer, const std::string& ring) {
  constexpr auto channel = static_cast<std::uint16_t>(wire::Channel::ring);
  const ring::Request question = ring::AskStatus{ring};
  if (Status sent = peer.send(local::Request(local::ToPart{2, channel, wire::encode(question)})); !sent)
    return std::nullopt;
  const Instant end = process::boot_now() + step_patience;
  for (;;) {
    auto answer = peer.wait(end);
    if (!answer || !answer->has_value() || std::holds_alternative<local::Refused>(**answer))
      return std::nullopt;
    const auto* of_part = std::get_if<local::FromPart>(&**answer);
    if (of_part == nullptr || of_part->channel != channel) continue;
    auto read = wire::decode<ring::Answer>(of_part->bytes);
    auto* status = read ? std::get_if<ring::StatusOf>(&*read) : nullptr;
    return status == nullptr ? std::nullopt : std::optional(std::move(*status));
  }
}

// The values of chordctl are in a file of their own, not in the log.
void list_values(engine::LocalConnection& peer, local::LoneView& view) {
  const std::string file = view.where.substr(0, view.where.rfind('/') + 1) + "ring.db";
  struct stat kept {};
  if (view.where.empty() || ::lstat(file.c_str(), &kept) != 0) return;
  const std::string usual = "main";
  const auto status = status_of_ring(peer, usual);
  const auto on_disk = status ? status->bytes_on_disk : static_cast<std::uint64_t>(kept.st_size);
  std::string line = fmt::format("values of chordctl, {} on disk", counted(on_disk, "byte"));
  if (status)
    line += fmt::format("; of them in ring {}: {}, {}", usual, counted(status->keys, "key"),
                        counted(status->bytes, "byte"));
  view.staying.insert(view.staying.begin(), line);
  ++view.stays;
}

std::string list_of(const std::vector<std::string>& some, std::uint64_t all) {
  std::string text;
  for (const std::string& one : some) text += fmt::format("  {}\n", cli::shown(one));
  if (all > some.size()) text += fmt::format("  and {} more\n", all - some.size());
  return text;
}

Result<bool> confirmed(const HandOverSettings& settings, const local::LoneView& view) {
  if (view.stays > 0 && !settings.quiet)
    cli::print(fmt::format("A group does not take over:\n{}", list_of(view.staying, view.stays)));
  if (Status shown = cli::flush(); !shown) return shown.error();
  if (settings.yes) return true;
  if (!cli::is_terminal(STDIN_FILENO))
    return Error{ErrorKind::usage, "hand-over", "nobody can be asked: standard input is no terminal",
                 "give --yes"};
  cli::print("This peer will grant nothing more and end. Hand over? [y/N] ");
  if (Status asked = cli::flush(); !asked) return asked.error();
  std::array<char, 64> answer{};
  return ::read(STDIN_FILENO, answer.data(), answer.size()) > 0 && (answer[0] == 'y' || answer[0] == 'Y');
}

// What has ended begins again, as it was. Only its directory's owner and root can do that.
// False: it has not ended.
Result<bool> revive(const cli::Authority& authority) {
  const std::string path = fmt::format("{}/{}", authority.state_dir, hand_over_name);
  struct stat status {};
  if (authority.state_dir.empty() || ::lstat(path.c_str(), &status) != 0) return false;
  if (Status forgotten = forget_handed_over(authority.state_dir); !forgotten) return forgotten.error();
  return true;
}

Result<cli::Exit> open_now(const cli::Authority& authority) {
  auto peer = connect(authority);
  if (!peer) return peer.error();
  if (auto begun = look_once_begun(*peer); !begun) return begun.error();
  auto view = ask_until(*peer, HandOverStep::open, process::boot_now() + step_patience,
                        [](const local::LoneView& seen) { return !seen.closed; });
  if (!view) return view.error();
  if (view->closed)
    return Error{ErrorKind::unavailable, "hand-over", "the peer is still closed", "see its log"};
  return cli::Exit::done;
}

// At the host's socket a peer that a tool has started before may still be turning tools away (coordd's
// failed_start.hpp): the next one begins.
Result<cli::Exit> open_again(const cli::Authority& authority) {
  const auto revived = revive(authority);
  if (!revived) return revived.error();
  const Instant end = process::boot_now() + step_patience;
  for (;;) {
    auto opened = open_now(authority);
    if (opened || !*revived || process::boot_now() >= end) return opened;
    std::this_thread::sleep_for(look_every);
  }
}

}  // namespace

Result<cli::Exit> hand_over(const HandOverSettings& settings) {
  const auto authority = authority_of(settings);
  if (!authority) return authority.error();
  if (settings.abort) return open_again(*authority);
  auto peer = connect(*authority);
  if (!peer) return peer.error();
  auto view = look_once_begun(*peer);
  if (!view) return view.error();
  if (view->begun) list_values(*peer, *view);
  const auto sure = confirmed(settings, *view);
  if (!sure) return sure.error();
  if (!*sure) return cli::Exit::no;

  const Instant end = process::boot_now() + settings.within;
  view = ask_until(*peer, HandOverStep::close, process::boot_now() + step_patience,
                   [](const local::LoneView& seen) { return seen.closed; });
  if (!view) return view.error();
  if (!view->closed)
    return Error{ErrorKind::unavailable, "hand-over", "the peer does not close", "see its log"};
  if (view->held > 0 && !settings.quiet)
    cli::notice(
        "dpeers",
        fmt::format("closed: waiting for {} to end; dpeers hand-over --abort opens it again", view->held));
  view = ask_until(*peer, HandOverStep::end, end, [](const local::LoneView& seen) { return seen.ended; });
  if (!view) return view.error();
  if (!view->ended) {
    const auto opened = ask_until(*peer, HandOverStep::open, process::boot_now() + step_patience,
                                  [](const local::LoneView& seen) { return !seen.closed; });
    if (!opened) return opened.error();
    cli::notice("dpeers", fmt::format("not handed over, it goes on as before: held:\n{}",
                                      list_of(view->holders, view->held)));
    return cli::Exit::no;
  }
  if (!settings.quiet)
    cli::print(fmt::format("handed over: the group's tokens begin above {}, as {} says\n", view->token,
                           cli::shown(view->where)));
  return cli::Exit::done;
}

}  // namespace coord::dpeers
