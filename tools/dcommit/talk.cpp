// SPDX-License-Identifier: MIT
#include "dcommit/talk.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/follow.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "process/boot_time.hpp"
#include "wire/archive.hpp"
#include "wire/channel.hpp"

namespace coord::dcommit {

namespace {

bool is_over(const service::CommitView& view) {
  return view.of.generation == Token{} || view.of.outcome != service::CommitOutcome::open;
}

}  // namespace

Result<engine::LocalConnection> connect(const Settings& settings) {
  auto peer = cli::connect_to_peer(cli::in_time(settings.peer, settings.wait), "dcommit");
  if (peer && peer->speaks() < 2)
    return Error{ErrorKind::unavailable, "the peer of this host", "its release has no transactions",
                 "install this release's coordd"};
  return peer;
}

Talk::Talk(const Settings& settings, engine::LocalConnection peer)
    : settings_(settings),
      object_(cli::shown(settings.name)),
      host_(peer.welcome().peer),
      peer_(std::move(peer)),
      told_(settings.quiet) {}

Status Talk::reach() {
  if (peer_) return done();
  auto again = connect(settings_);
  if (!again) return again.error();
  peer_ = std::move(*again);
  return done();
}

// An answer that comes later is not one to a later question.
Error Talk::lost(const Error& why) {
  peer_.reset();
  return {ErrorKind::unavailable, object_, why.what, why.remedy};
}

Result<local::Answer> Talk::hear(std::optional<Instant> end) {
  auto answer = peer_->wait(end);
  if (answer && answer->has_value()) return std::move(**answer);
  return lost(answer.ok() ? Error{ErrorKind::unavailable, object_, "the peer does not answer", ""}
                          : answer.error());
}

template <class Try>
auto Talk::again_and_again(std::optional<Instant> end, Try attempt) -> decltype(attempt()) {
  cli::BackOff pause;
  for (;;) {
    final_ = false;
    auto result = attempt();
    if (result.ok() || final_) return result;
    const Error& why = result.error();
    if (end && process::boot_now() >= *end) {
      if (!uncertain_) return result;
      return Error{ErrorKind::unknown, object_, why.what, "run the same line again: it learns the outcome"};
    }
    if (!std::exchange(told_, true)) cli::notice("dcommit", fmt::format("{}: waiting", why.text()));
    Duration how_long = pause.next();
    if (end) how_long = std::clamp<Duration>(*end - process::boot_now(), Duration{}, how_long);
    if (Status output = cli::pause_while_read(how_long); !output) return output.error();
  }
}

Result<Token> Talk::try_order(const service::AnyOrder& what) {
  if (Status there = reach(); !there) return there.error();
  const std::uint64_t request = ++request_;
  ++messages_["order"];
  if (Status sent = peer_->send(local::Order{request, what}); !sent) return lost(sent.error());
  const Instant until = cli::must_answer_by(*peer_, process::boot_now());
  for (;;) {
    auto answer = hear(until);
    if (!answer) {
      uncertain_ = true;
      return answer.error();
    }
    if (const auto* refused = std::get_if<local::Refused>(&*answer); refused && refused->request == request) {
      uncertain_ = uncertain_ || refused->kind == local::RefusedKind::unknown;
      final_ = refused->kind != local::RefusedKind::no_quorum && refused->kind != local::RefusedKind::unknown;
      return cli::refused_by_peer(object_, *refused);
    }
    const auto* ordered = std::get_if<local::Ordered>(&*answer);
    if (ordered == nullptr || ordered->request != request) continue;
    if (ordered->done) return ordered->token;
    final_ = true;
    const bool gone = ordered->kind == local::RefusedKind::forgotten;
    return cli::refused_by_peer(
        object_, {request, gone ? local::RefusedKind::unknown : ordered->kind,
                  gone ? "it was forgotten while this participant was under way" : ordered->why});
  }
}

Result<Token> Talk::order(const service::AnyOrder& what, std::optional<Instant> end) {
  uncertain_ = false;
  return again_and_again(end, [&] { return try_order(what); });
}

Result<service::CommitView> Talk::try_watch(std::optional<Instant> end, Enough enough, bool stale) {
  if (Status there = reach(); !there) return there.error();
  const std::uint64_t request = ++request_;
  ++messages_["question"];
  const local::Question question{request, service::GetCommit{settings_.name}, stale, enough != nullptr};
  if (Status sent = peer_->send(question); !sent) return lost(sent.error());
  std::optional<service::CommitView> last;
  for (;;) {
    auto answer = last ? peer_->wait(end) : Result<std::optional<local::Answer>>(std::nullopt);
    if (!last) {
      auto first = hear(cli::must_answer_by(*peer_, process::boot_now()));
      if (!first) return first.error();
      answer = std::optional(std::move(*first));
    }
    if (!answer) return lost(answer.error());
    if (!answer->has_value()) return std::move(*last);  // the end has come
    if (auto* refused = std::get_if<local::Refused>(&**answer); refused && refused->request == request) {
      // Of no use to who takes part.
      refused->why = refused->why.substr(0, refused->why.find(": --stale"));
      return cli::refused_by_peer(object_, *refused);
    }
    auto* shown = std::get_if<local::Shown>(&**answer);
    if (shown == nullptr || shown->request != request) continue;
    last = std::get<service::CommitView>(std::move(shown->what));
    if (!is_over(*last)) last_open_ = *last;
    if (enough == nullptr || enough(*last)) return std::move(*last);
  }
}

Result<service::CommitView> Talk::look(std::optional<Instant> end) {
  uncertain_ = false;
  return again_and_again(end, [&] { return try_watch(end, nullptr); });
}

Result<service::CommitView> Talk::look_here() {
  return try_watch(std::nullopt, nullptr, true);
}

Result<service::CommitView> Talk::wait_for_outcome(std::optional<Instant> end) {
  uncertain_ = false;
  return again_and_again(end, [&] { return try_watch(end, is_over); });
}

Result<service::CommitView> Talk::wait_until_all_came(std::optional<Instant> end) {
  uncertain_ = false;
  return again_and_again(end, [&] {
    return try_watch(
        end, [](const service::CommitView& view) { return is_over(view) || view.of.came == view.of.count; });
  });
}

// Whether it can be otherwise when it is asked again.
Result<std::optional<agreements::ToTool>> Talk::try_ask_sites(const agreements::FromTool& what,
                                                              std::optional<Instant> end) {
  if (Status there = reach(); !there) return there.error();
  const std::uint64_t request = ++request_;
  constexpr auto channel = static_cast<std::uint16_t>(wire::Channel::agreements);
  if (Status sent = peer_->send(local::ToPart{request, channel, wire::encode(what, 2)}); !sent)
    return lost(sent.error());
  for (;;) {
    auto answer = peer_->wait(end);
    if (!answer) return lost(answer.error());
    if (!answer->has_value()) return std::optional<agreements::ToTool>();
    if (const auto* refused = std::get_if<local::Refused>(&**answer);
        refused && refused->request == request) {
      // A host without a vote has no sites.
      final_ = cli::is_without_part(*refused);
      if (final_) return Error{ErrorKind::usage, object_, refused->why, ""};
      return cli::refused_by_peer(object_, *refused);
    }
    const auto* said = std::get_if<local::FromPart>(&**answer);
    if (said == nullptr || said->request != request) continue;
    auto told = wire::decode<agreements::ToTool>(said->bytes);
    final_ = !told;
    if (!told)
      return Error{ErrorKind::unavailable, object_, "its peer's answer cannot be read",
                   "install this release's coordd"};
    const auto* why = std::get_if<agreements::CannotTell>(&*told);
    if (why == nullptr) return std::optional(std::move(*told));
    using Why = agreements::CannotTell::Why;
    final_ = why->why != Why::behind;
    const bool wrong = why->why == Why::no_site || why->why == Why::wrong;
    return Error{wrong ? ErrorKind::usage : ErrorKind::unavailable, object_, why->text, ""};
  }
}

Result<std::optional<agreements::ToTool>> Talk::ask_sites(const agreements::FromTool& what,
                                                          std::optional<Instant> end) {
  uncertain_ = false;
  return again_and_again(end, [&] { return try_ask_sites(what, end); });
}

}  // namespace coord::dcommit
