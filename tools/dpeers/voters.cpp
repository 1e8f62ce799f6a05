// SPDX-License-Identifier: MIT
#include "dpeers/voters.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <thread>
#include <utility>
#include <vector>

#include "base/format.hpp"
#include "cli/follow.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "engine/local_connection.hpp"
#include "process/boot_time.hpp"

namespace coord::dpeers {

namespace {

constexpr Duration look_for_leader_every = std::chrono::milliseconds(100);
constexpr Duration answer_patience = std::chrono::seconds(1);
constexpr Duration told_within = std::chrono::seconds(10);  // what holds

using View = std::optional<local::VoterView>;

// Nothing: who leads has not answered. An error: this host's peer is gone, or (`is_refused`) will not do it.
Result<View> ask(engine::LocalConnection& peer, const local::Request& request, const char* verb,
                 std::uint64_t number, bool& is_refused, Duration patience = answer_patience) {
  if (Status sent = peer.send(request); !sent) return sent.error();
  const Instant end = process::boot_now() + patience;
  for (;;) {
    auto answer = peer.wait(end);
    if (!answer) return answer.error();
    if (!answer->has_value()) return View();
    if (auto* view = std::get_if<local::VoterView>(&**answer); view != nullptr && view->request == number)
      return View(std::move(*view));
    const auto* refused = std::get_if<local::Refused>(&**answer);
    if (refused == nullptr || refused->request != number) continue;
    is_refused = true;
    return cli::refused_by_peer(verb, *refused);
  }
}

std::string json_of(const VoterSettings& settings, const local::VoterView& view, bool done) {
  cli::JsonArray voters, learners;
  for (const std::string& name : view.voters) voters.text(name);
  for (const std::string& name : view.learners) learners.text(name);
  cli::JsonObject object;
  object.text("verb", name_of(settings.verb)).text("name", settings.name);
  if (!settings.other.empty()) object.text("other", settings.other);
  object.boolean("done", done);
  if (view.leader.empty()) {
    object.null("leader");
  } else {
    object.text("leader", view.leader);
  }
  return object.array("voters", voters).array("learners", learners).line();
}

// What the group does by itself about an operator's word.
void tell_who_keeps(const VoterSettings& settings, const local::VoterView& view) {
  using enum local::VoterVerb;
  if (settings.quiet || settings.verb == transfer || settings.verb == replace) return;
  const auto kept = kept_voters(settings.peer);
  if (!kept || kept->kept == 0 || kept->pause > Duration{} || kept->kept == view.voters.size()) return;
  cli::notice(
      "dpeers",
      fmt::format("the group keeps {} voters by itself (`dpeers voters`), and {}: `dpeers voters "
                  "--pause` stops that for a while",
                  kept->kept,
                  view.voters.size() < kept->kept ? "gives another host the vote" : "takes it from one"));
}

void tell(const VoterSettings& settings, const local::VoterView& view) {
  if (settings.json) {
    cli::print(json_of(settings, view, true));
  } else if (!settings.quiet) {
    cli::print(fmt::format(
        "voters: {}{}{}\n", cli::shown_names(view.voters),
        view.learners.empty() ? "" : fmt::format("; learners: {}", cli::shown_names(view.learners)),
        view.leader.empty() ? "" : fmt::format("; {} leads", cli::shown(view.leader))));
  }
  if (!view.what.empty() && !settings.quiet) cli::notice("dpeers", cli::shown(view.what));
  const std::size_t count = view.voters.size();
  if (settings.verb != local::VoterVerb::transfer && count % 2 == 0 && !settings.quiet)
    cli::notice(
        "dpeers",
        fmt::format("{} voters: the group stands the loss of {}, as it does with {}: an odd number is "
                    "better",
                    count, count == 2 ? "none" : std::to_string(count / 2 - 1), count - 1));
}

Error refusal(const VoterSettings& settings, const local::VoterView& view) {
  return Error{ErrorKind::unavailable,
               fmt::format("{} {}", name_of(settings.verb), cli::shown(settings.name)), view.what,
               view.remedy};
}

Result<cli::Exit> not_in_time(const VoterSettings& settings, const View& last) {
  const std::string object = fmt::format("{} {}", name_of(settings.verb), cli::shown(settings.name));
  if (!last || !last->quorum)
    return Error{ErrorKind::unavailable, object, "nobody leads: nothing can be changed",
                 "`dpeers doctor` says more"};
  if (settings.json) cli::print(json_of(settings, *last, false));
  // Said again when the vote is gone, it would be another order.
  const char* const remedy = last->takes_vote
                                 ? "look with `dpeers`: said again once the vote is gone, it lets "
                                   "the group forget the host as well"
                                 : "say it again to go on";
  if (!settings.quiet) cli::notice("dpeers", fmt::format("{}: not yet: {}: {}", object, last->what, remedy));
  return cli::Exit::no;
}

}  // namespace

Result<cli::Exit> order_voters(const VoterSettings& settings) {
  std::optional<Instant> end;
  if (settings.within) end = process::boot_now() + *settings.within;
  const auto left = [&] { return end ? std::max(Duration{}, *end - process::boot_now()) : Duration::max(); };
  auto peer = cli::connect_to_peer(cli::in_time(settings.peer, settings.within), "dpeers");
  if (!peer) return peer.error();
  cli::Progress progress(!settings.quiet);
  cli::BackOff pause;
  View last;
  std::uint64_t number = 0;
  bool only_vote = false;
  for (bool once = false; !once || left() > Duration{}; once = true) {
    bool is_refused = false;
    ++number;
    const local::OrderVoters order{number, settings.verb, settings.name, settings.other, only_vote};
    // Also with no time left one answer is waited for.
    const Duration patience = once ? std::min(answer_patience, left()) : answer_patience;
    const auto asked =
        peer ? ask(*peer, order, name_of(settings.verb), number, is_refused, patience) : peer.error();
    if (is_refused) return asked.error();
    if (!asked) {
      std::this_thread::sleep_for(std::min(pause.next(), left()));
      peer = cli::connect_to_peer_again(settings.peer, "dpeers", end);
      continue;
    }
    pause.reset();
    if (!*asked) continue;
    last = *asked;
    only_vote = only_vote || last->takes_vote;
    if (last->done || last->refused) progress.clear();
    if (last->refused) return refusal(settings, *last);
    if (last->done) {
      tell(settings, *last);
      tell_who_keeps(settings, *last);
      return cli::Exit::done;
    }
    progress.show(cli::shown(last->what));
    std::this_thread::sleep_for(std::min(look_for_leader_every, left()));
  }
  progress.clear();
  return not_in_time(settings, last);
}

namespace {

bool changes(const local::KeepVoters& request) {
  return request.count || request.after || request.pause;
}
bool changes(const local::MovePeer&) {
  return true;
}

// Says it again until the group has it. Once somebody led the order may be in the log, and come about later.
template <class Request>
Result<local::VoterView> ordered(const cli::ConnectOptions& where, Request request, const char* verb,
                                 Duration within) {
  auto peer = cli::connect_to_peer(where, "dpeers");
  if (!peer) return peer.error();
  bool may_be_so = false;
  const Instant end = process::boot_now() + within;
  while (process::boot_now() < end) {
    ++request.request;
    bool is_refused = false;
    auto asked = ask(*peer, request, verb, request.request, is_refused);
    if (is_refused || (!asked && !may_be_so)) return asked.error();
    if (!asked) break;
    if (*asked && (*asked)->done) return *std::move(*asked);
    may_be_so = may_be_so || (changes(request) && (!*asked || (*asked)->quorum));
    std::this_thread::sleep_for(look_for_leader_every);
  }
  if (may_be_so)
    return Error{ErrorKind::unknown, verb,
                 "ordered, and the group has not confirmed it: it may still come about",
                 "look at it again with `dpeers` or `dpeers voters`"};
  return Error{ErrorKind::unavailable, verb, "nobody leads: nothing can be changed",
               "`dpeers doctor` says more"};
}

cli::JsonObject json_begun(const char* verb, const local::VoterView& view) {
  cli::JsonObject object;
  object.text("verb", verb);
  if (view.quorum) {
    object.text("leader", view.leader);
  } else {
    object.null("leader");
  }
  return object;
}

}  // namespace

Result<cli::Exit> keep_voters(const KeepSettings& settings) {
  local::KeepVoters request{0, settings.count, settings.after, {}, {}};
  if (settings.pause) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    request.pause = settings.pause;
    request.pause_asked = WallTime{now.tv_sec * 1'000'000'000 + now.tv_nsec};
  }
  const auto view = ordered(settings.peer, request, "voters", settings.within);
  if (!view) return view.error();
  if (settings.json) {
    cli::JsonArray voters;
    for (const std::string& name : view->voters) voters.text(name);
    cli::JsonObject object = json_begun("voters", *view);
    object.integer("kept", view->kept);
    if (view->kept > 0) {
      object.seconds("after_s", view->after).seconds("pause_s", view->pause);
    } else {
      object.null("after_s").null("pause_s");
    }
    cli::print(object.array("voters", voters).line());
  } else if (!settings.quiet) {
    cli::print(fmt::format("{}\nvoters: {}\n", view->what, cli::shown_names(view->voters)));
  }
  const std::uint32_t count = settings.count.value_or(1);
  if (count > 0 && count % 2 == 0 && !settings.quiet)
    cli::notice("dpeers", fmt::format("{} voters stand no more losses than {}: an odd number is better",
                                      count, count - 1));
  return cli::Exit::done;
}

std::optional<local::VoterView> kept_voters(const cli::ConnectOptions& peer) {
  cli::ConnectOptions running = peer;
  running.no_autostart = true;
  auto view = ordered(running, local::KeepVoters{}, "voters", told_within);
  if (!view) return std::nullopt;
  return *std::move(view);
}

Result<cli::Exit> move_peer(const MoveSettings& settings) {
  const auto view =
      ordered(settings.peer, local::MovePeer{0, settings.name, settings.address}, "move", settings.within);
  if (!view) return view.error();
  if (settings.json) {
    cli::JsonObject object = json_begun("move", *view);
    cli::print(object.text("name", settings.name).text("address", settings.address).line());
  } else if (!settings.quiet) {
    cli::print(fmt::format("{}\n", cli::shown(view->what)));
  }
  return cli::Exit::done;
}

}  // namespace coord::dpeers
