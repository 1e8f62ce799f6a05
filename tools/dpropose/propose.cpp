// SPDX-License-Identifier: MIT
// dpropose NAME VALUE: look, propose if nothing is decided, and say what is.
//
// A proposal is made again after a loss of the quorum, of the peer or of an answer, under the same number and
// with the same moment at which nothing was decided: whatever became of the earlier ones, it counts once, and
// never in a round that began after its name was forgotten (service/decisions/decisions.hpp).
#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>
#include <variant>

#include "agreements/log_of.hpp"
#include "base/check.hpp"
#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/follow.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/output_file.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "dcommit/log_delays.hpp"
#include "dpropose/settings.hpp"
#include "engine/ask_peers.hpp"
#include "process/boot_time.hpp"

namespace coord::dpropose {

namespace {

std::uint64_t random_number() {
  std::uint64_t number = 0;
  COORD_CHECK(::getrandom(&number, sizeof number, 0) == sizeof number);
  return number;
}

class Proposal {
 public:
  Proposal(const Settings& settings, engine::LocalConnection peer)
      : settings_(settings), object_(cli::shown(settings.name)), peer_(std::move(peer)) {
    if (settings.wait) end_ = began_ + *settings.wait;
  }

  Result<cli::Exit> whole();
  cli::JsonObject report() const;
  // The events of this host's site; of the group's log there are none.
  Result<agreements::WholeLog> log();

 private:
  // An error: it may be tried again, unless it is one of usage or of the name's being forgotten.
  Status attempt();
  Status look(bool stale);
  Status order();
  Status can_sign();
  Result<service::AnyOrder> what_to_order();
  Status ask_the_sites();
  Result<local::Answer> hear();
  Error why_silent();
  Status connect_again();
  bool is_counted() const { return settings_.json || !settings_.report.empty(); }
  bool may_wait() const { return !settings_.no_wait && (!end_ || process::boot_now() < *end_); }
  Result<cli::Exit> decided();
  void trace();
  Error forgotten() const;
  Error given_up(const Error& why) const;

  const Settings& settings_;
  std::string object_;
  std::optional<engine::LocalConnection> peer_;
  Instant began_ = process::boot_now();
  std::optional<Instant> end_;
  std::optional<Duration> waited_;  // until it was decided
  std::uint64_t number_ = random_number();
  std::optional<Token> seen_;        // once it was seen that nothing is decided
  std::optional<Token> generation_;  // once it is known that something is
  bool uncertain_ = false, void_ = false;
  service::DecisionView view_;
  std::optional<dcommit::Leadership> led_;  // when it was looked first
  std::optional<std::uint32_t> delays_;     // by the log
  agreements::SigningKeys signing_;
  std::optional<agreements::Decided> by_sites_;
  WallTime as_of_;
  std::string outcome_ = "no_quorum";
  std::map<std::string, std::uint64_t> messages_;
};

Error Proposal::forgotten() const {
  return Error{ErrorKind::unavailable, object_, "it was forgotten after this proposal was made",
               "propose again for a new decision"};
}

Result<local::Answer> Proposal::hear() {
  Instant until = cli::must_answer_by(*peer_, process::boot_now());
  if (end_ && !settings_.no_wait) until = std::min(until, *end_);
  auto answer = peer_->wait(until);
  if (answer && answer->has_value()) return std::move(**answer);
  const Error why = answer.ok() ? why_silent() : answer.error();
  peer_.reset();  // an answer that comes later is not one to a later question
  return why;
}

// A peer that looks for a leader takes longer to say so than -w may last; of itself it tells at once.
Error Proposal::why_silent() {
  constexpr Duration at_once = std::chrono::milliseconds(500);
  const auto known = engine::ask_peers(*peer_, process::boot_now() + at_once);
  if (!known)
    return Error{ErrorKind::unavailable, object_, "the peer does not answer", "`dpeers doctor` says more"};
  const bool has_leader = std::ranges::any_of(known->peers, [](const local::PeerRecord& peer) {
    return peer.role == "leader" && peer.state != "dead" && peer.state != "left";
  });
  if (has_leader) return Error{ErrorKind::unavailable, object_, "the group has not answered in time", ""};
  return Error{ErrorKind::unavailable, object_, cli::no_quorum_text(known->not_begun), "see dpeers"};
}

Status Proposal::look(bool stale) {
  ++messages_["question"];
  const local::Question question{1, service::GetDecision{settings_.name}, stale, false};
  if (Status sent = peer_->send(question); !sent) {
    peer_.reset();
    return sent.error();
  }
  for (;;) {
    auto answer = hear();
    if (!answer) return answer.error();
    if (const auto* refused = std::get_if<local::Refused>(&*answer))
      return cli::refused_by_peer(object_, *refused);
    auto* shown = std::get_if<local::Shown>(&*answer);
    if (shown == nullptr) continue;
    view_ = std::get<service::DecisionView>(std::move(shown->what));
    as_of_ = shown->as_of;
    return done();
  }
}

// A site that cannot would be one of those that fail, for ever.
Status Proposal::can_sign() {
  auto told = ask_sites(*peer_, object_, agreements::GetSigningKeys{},
                        cli::must_answer_by(*peer_, process::boot_now()));
  if (!told) {
    peer_.reset();
    return told.error();
  }
  auto* keys = std::get_if<agreements::SigningKeys>(&*told);
  if (keys != nullptr) signing_ = std::move(*keys);
  if (!signing_.own.empty()) return done();
  return Error{ErrorKind::unavailable, object_,
               "this host's signing key cannot be read, so it is no site, and nothing was proposed",
               "see its peer's log, or propose on another host by --among"};
}

// By a classical algorithm it is which sites there are, as they are now.
Result<service::AnyOrder> Proposal::what_to_order() {
  const std::string& host = peer_->welcome().peer;
  if (settings_.algorithm == service::Agreement::raft)
    return service::AnyOrder(
        service::ProposeValue{settings_.name, settings_.value, *seen_, number_, host, 0, {}});
  if (settings_.algorithm == service::Agreement::pbft) {
    if (Status able = can_sign(); !able) return able.error();
  }
  auto told =
      ask_sites(*peer_, object_, agreements::GetSites{}, cli::must_answer_by(*peer_, process::boot_now()));
  if (!told) {
    peer_.reset();
    return told.error();
  }
  auto* sites = std::get_if<agreements::Sites>(&*told);
  if (sites == nullptr) return Error{ErrorKind::unavailable, object_, "its peer does not say its sites", ""};
  if (Status fits = choose_sites(settings_, host, sites->sites); !fits) return fits.error();
  if (settings_.algorithm == service::Agreement::pbft) {
    if (Status believed = are_pinned(signing_, host, sites->sites); !believed) return believed.error();
  }
  return service::AnyOrder(service::OpenDecision{
      settings_.name, settings_.algorithm, std::move(sites->sites), *seen_, host, 0, {}});
}

// Its sites decide, as long as it takes.
Status Proposal::ask_the_sites() {
  std::optional<Instant> until = end_;
  if (settings_.no_wait) until = cli::must_answer_by(*peer_, process::boot_now());
  const bool before = std::exchange(uncertain_, true);
  auto told = ask_sites(*peer_, object_, agreements::Propose{*generation_, settings_.value}, until);
  if (!told) {
    void_ = is_forgotten(told.error());
    // What was refused before it was said to any site has no effect.
    const bool was_said = told.error().kind != ErrorKind::usage &&
                          (told.error().kind == ErrorKind::unknown || !is_lost(told.error()));
    if (!was_said) uncertain_ = before;
    peer_.reset();
    return told.error();
  }
  if (auto* decided = std::get_if<agreements::Decided>(&*told)) by_sites_ = std::move(*decided);
  return by_sites_ ? done()
                   : Status(Error{ErrorKind::unavailable, object_, "its peer's answer cannot be", ""});
}

Status Proposal::order() {
  auto what = what_to_order();
  if (!what) return what.error();
  ++messages_["proposal"];
  const local::Order order{2, std::move(*what)};
  if (Status sent = peer_->send(order); !sent) {
    peer_.reset();
    return sent.error();
  }
  // This attempt has no effect when it is refused, but one before may have.
  const bool before = std::exchange(uncertain_, true);
  for (;;) {
    auto answer = hear();
    if (!answer) return answer.error();
    const auto* refused = std::get_if<local::Refused>(&*answer);
    const auto* ordered = std::get_if<local::Ordered>(&*answer);
    if (refused == nullptr && ordered == nullptr) continue;
    if (ordered != nullptr && ordered->done) {
      generation_ = ordered->token;
      if (settings_.algorithm != service::Agreement::raft)
        uncertain_ = before;  // its sites have no value yet
      return done();
    }
    const local::RefusedKind kind = ordered != nullptr ? ordered->kind : refused->kind;
    void_ = kind == local::RefusedKind::forgotten;
    if (kind == local::RefusedKind::no_quorum || ordered != nullptr) uncertain_ = before;
    return void_ ? forgotten()
                 : cli::refused_by_peer(object_, {2, kind, ordered != nullptr ? ordered->why : refused->why});
  }
}

Status Proposal::connect_again() {
  auto again = connect(settings_);
  if (!again) return again.error();
  peer_ = std::move(*again);
  return done();
}

Status Proposal::attempt() {
  const bool by_log = settings_.algorithm == service::Agreement::raft;
  if (is_counted() && by_log) led_ = dcommit::who_leads(settings_.peer);
  if (!peer_) {
    if (Status there = connect_again(); !there) return there;
  }
  if (!seen_) {
    if (Status seen = look(false); !seen) return seen;
    const bool is_there = view_.of.generation != Token{};
    if (is_there && view_.of.algorithm != settings_.algorithm)
      return Error{ErrorKind::usage, object_,
                   fmt::format("its first proposal was made by --algorithm {}", name_of(view_.of.algorithm)),
                   "use the same"};
    if (is_there) generation_ = view_.of.generation;
    if (is_there && by_log) return done();
    seen_ = view_.now;
  }
  if (!generation_) {
    if (Status ordered = order(); !ordered) return ordered;
    // The peer has applied it, so it need not ask the group.
    if (Status seen = look(true); !seen) return seen;
    if (by_log && view_.of.generation == *generation_) return done();
  }
  if (!by_log) return ask_the_sites();
  if (Status seen = look(false); !seen) return seen;
  if (view_.of.generation == *generation_) return done();
  void_ = true;
  return forgotten();
}

Error Proposal::given_up(const Error& why) const {
  const bool by_log = settings_.algorithm == service::Agreement::raft;
  if (!uncertain_ || (generation_ && by_log) || why.kind == ErrorKind::unknown) return why;
  return Error{ErrorKind::unknown, object_, why.what,
               "it may be decided: " + (is_lost(why) ? why.remedy : "ask with --get, or propose again")};
}

Result<cli::Exit> Proposal::decided() {
  outcome_ = "decided";
  waited_ = process::boot_now() - began_;
  if (led_) delays_ = dcommit::log_delays(led_, dcommit::who_leads(settings_.peer), led_->self);
  if (by_sites_) view_.value = by_sites_->value;
  if (settings_.json) {
    cli::print(report().line());
  } else {
    print_value(settings_, view_.value);
  }
  if (by_sites_ && settings_.trace) trace();
  return cli::Exit::done;
}

// When what follows the decision is over; of a decision that was there before nothing does.
void Proposal::trace() {
  Traced traced{*by_sites_, {}, {}};
  if (Status told = cli::flush(); !told) return;  // it is said at the end
  auto later = ask_sites(*peer_, object_, agreements::GetSteps{*generation_},
                         cli::must_answer_by(*peer_, process::boot_now()));
  if (auto* steps = later ? std::get_if<agreements::Steps>(&*later) : nullptr)
    traced.later = std::move(*steps);
  traced.whole = process::boot_now() - began_;
  print_trace(traced, view_.sites, peer_->welcome().peer, settings_.algorithm);
}

cli::JsonObject Proposal::report() const {
  const bool is_decided = outcome_ == "decided";
  cli::JsonObject object;
  if (is_decided) {
    object = fields_of(view_.of, &view_.value);
    object.boolean("won", by_sites_ ? view_.value == settings_.value : view_.of.proposal == number_);
    object.time("as_of", as_of_);
  } else {
    object.name("name", settings_.name).null("value").text("algorithm", name_of(settings_.algorithm));
  }
  cli::JsonObject counts;
  for (const auto& [type, count] : by_sites_ ? by_sites_->messages : messages_) counts.integer(type, count);
  object.text("outcome", outcome_)
      .seconds("wait_s", waited_.value_or(process::boot_now() - began_))
      .object("messages", counts);
  const auto delays = by_sites_ ? std::optional(by_sites_->delays) : is_decided ? delays_ : std::nullopt;
  return std::move(delays ? object.integer("delays", *delays) : object.null("delays"));
}

Result<agreements::WholeLog> Proposal::log() {
  if (!generation_ || settings_.algorithm == service::Agreement::raft) return agreements::WholeLog{};
  if (!peer_) {
    if (Status there = connect_again(); !there) return there.error();
  }
  return agreements::log_of(agreements::GetLog{*generation_, 0}, [&](const agreements::FromTool& what) {
    return ask_sites(*peer_, object_, what, cli::must_answer_by(*peer_, process::boot_now()));
  });
}

Result<cli::Exit> Proposal::whole() {
  cli::BackOff pause;
  bool told = settings_.quiet || settings_.no_wait;
  for (;;) {
    const Status status = attempt();
    if (status) return decided();
    const Error& why = status.error();
    outcome_ = void_ ? "forgotten" : why.kind == ErrorKind::usage ? "usage" : "no_quorum";
    if (void_) {
      cli::complain("dpropose", why);
      return cli::Exit::failed;
    }
    if (why.kind == ErrorKind::usage) return why;
    if (!may_wait() || is_lost(why)) {
      const Error last = given_up(why);
      if (last.kind == ErrorKind::unknown) outcome_ = "unknown";
      return last;
    }
    if (!std::exchange(told, true)) cli::notice("dpropose", fmt::format("{}: waiting", why.text()));
    Duration how_long = pause.next();
    if (end_) how_long = std::min<Duration>(how_long, *end_ - process::boot_now());
    if (Status output = cli::pause_while_read(std::max(how_long, Duration{})); !output) return output.error();
  }
}

}  // namespace

Result<cli::Exit> propose(const Settings& settings) {
  const std::string file_name = fmt::format("report {}", cli::shown(settings.report));
  Descriptor file;
  if (!settings.report.empty()) {
    auto opened = cli::open_report_file(settings.report, file_name);
    if (!opened) return opened.error();
    file = std::move(*opened);
  }
  Descriptor log;
  if (!settings.log.empty()) {
    auto opened = cli::open_output_file(settings.log, fmt::format("log {}", cli::shown(settings.log)));
    if (!opened) return opened.error();
    log = std::move(*opened);
  }
  auto peer = connect(settings);
  if (!peer) return peer.error();
  const local::Scope scope = peer->welcome().scope;
  Proposal proposal(settings, std::move(*peer));
  auto result = proposal.whole();
  if (log.is_open()) {
    const auto events = proposal.log();
    Status written = events ? cli::write_output_file(log, events->text, "log") : Status(events.error());
    if (!written) cli::complain("dpropose", written.error());
  }
  if (file.is_open()) {
    const std::string line = proposal.report().text("scope", name_of(scope)).line();
    if (Status written = cli::write_output_file(file, line, file_name); !written) {
      cli::complain("dpropose", written.error());
      if (result.ok() && *result == cli::Exit::done) return cli::Exit::output;
    }
  }
  return result;
}

}  // namespace coord::dpropose
