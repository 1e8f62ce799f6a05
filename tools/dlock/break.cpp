// SPDX-License-Identifier: MIT
// dlock --break: ends the holds of a lock, after showing whose they are.
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "dlock/listing.hpp"
#include "dlock/settings.hpp"

namespace coord::dlock {

namespace {

Error unavailable(const Settings& settings, const std::string& what) {
  return Error{ErrorKind::unavailable, cli::shown(settings.name_list), what, "see dpeers"};
}

// A hold whose session has ended; only its name is still shut.
bool is_over(const local::LockParty& holder) {
  return holder.ttl == Duration{};
}

cli::Exit not_broken(const Settings& settings, const std::string& why) {
  if (!settings.quiet)
    cli::notice("dlock", fmt::format("{}: {}: look with --list", cli::shown(settings.name_list), why));
  return cli::Exit::no;
}

// Of standard input: only a plain yes is one.
bool says_yes() {
  cli::print("break it? [y/N] ");
  if (Status written = cli::flush(); !written) return false;
  std::string line;
  for (char c = 0; ::read(STDIN_FILENO, &c, 1) == 1 && c != '\n' && line.size() < 16;) line += c;
  return line == "y" || line == "Y" || line == "yes";
}

// Until all of them have ended: their hosts stop the commands first, or their leases end.
Result<cli::Exit> break_all(const Settings& settings, engine::LocalConnection& peer,
                            const std::vector<local::LockParty>& holders) {
  std::uint64_t request = 1;
  for (const local::LockParty& holder : holders) {
    if (Status sent = peer.send(local::Break{++request, holder.session}); !sent) return sent.error();
  }
  cli::Exit exit = cli::Exit::done;
  for (std::size_t left = holders.size(); left > 0;) {
    auto answer = peer.wait(std::nullopt);
    if (!answer) return answer.error();
    if (const auto* refused = std::get_if<local::Refused>(&**answer)) {
      --left;
      if (refused->kind == local::RefusedKind::unknown)
        return Error{ErrorKind::unknown, cli::shown(settings.name_list), refused->why,
                     "it may have taken effect: look with --list"};
      if (refused->kind != local::RefusedKind::held) return unavailable(settings, refused->why);
      cli::notice("dlock", fmt::format("{}: not broken: {}", cli::shown(settings.name_list), refused->why));
      exit = cli::Exit::no;
    } else if (std::holds_alternative<local::Released>(**answer)) {
      --left;
    }
  }
  return exit;
}

}  // namespace

Result<cli::Exit> break_lock(const Settings& settings) {
  const bool asks = !settings.yes;
  if (asks && !cli::is_terminal(STDIN_FILENO)) {
    return Error{ErrorKind::usage, "--break", "there is no terminal to ask at",
                 "look with --list, then give --yes"};
  }
  auto peer = cli::connect_to_peer(settings.peer, "dlock");
  if (!peer) return peer.error();
  const auto holders = holders_of(*peer, settings.names.front());
  if (!holders) return holders.error();
  if (!holders->lock.holders.empty() &&
      std::all_of(holders->lock.holders.begin(), holders->lock.holders.end(), is_over))
    return not_broken(settings, "its holder has gone, --min-hold or --lock-delay keeps it shut");
  if (holders->lock.holders.empty()) return not_broken(settings, "nobody holds it");
  if (!settings.quiet || asks) cli::print(shown_holders(*holders));
  if (asks && !says_yes()) return cli::Exit::no;
  return break_all(settings, *peer, holders->lock.holders);
}

}  // namespace coord::dlock
