#include "replica/host.hpp"

#include <type_traits>
#include <utility>

#include "replica/admission.hpp"

namespace coord::replica {

HostActions Host::step(Instant now, WallTime wall, const HostEvent& event) {
  std::visit(
      [&](const auto& concrete) {
        using T = std::decay_t<decltype(concrete)>;
        if constexpr (std::is_same_v<T, FromTool>) {
          tool_said(now, wall, concrete);
        } else if constexpr (std::is_same_v<T, Recovered>) {
          perform(now, wall, sessions_.on(now, concrete));
        } else if constexpr (std::is_same_v<T, ToolGone> || std::is_same_v<T, HoldersGone> ||
                             std::is_same_v<T, CommandGone>) {
          if constexpr (!std::is_same_v<T, CommandGone>) perform(now, wall, meetings_.on(concrete));
          perform(now, wall, sessions_.on(concrete));
        } else {
          if constexpr (std::is_same_v<T, Tick>) {
            perform(now, wall, sessions_.tick(now));
            perform(now, wall, enrolments_.tick(now, replica_.machine()));
            perform(now, wall, meetings_.tick(now));
          }
          perform(now, wall, replica_.step(now, wall, concrete));
        }
      },
      event);
  return std::exchange(out_, {});
}

// A connection's barriers and its locks are kept apart; the greeting is for both.
void Host::tool_said(Instant now, WallTime wall, FromTool event) {
  if (auto refused = admit(event.request, event.who.uid, event.who.user, replica_.machine())) {
    out_.push_back(ToTool{event.connection, std::move(*refused)});
    return;
  }
  if (!meetings_.concerns(event)) {
    perform(now, wall, sessions_.on(now, event, replica_.machine(), wall));
  } else if (sessions_.ready(event.connection)) {
    perform(now, wall, meetings_.on(now, event, replica_.machine(), wall));
  } else {
    out_.push_back(ToTool{event.connection, local::Refused{0, local::RefusedKind::protocol,
                                                           "one thing at a time, after a greeting"}});
  }
}

HostActions Host::settle(Instant now, WallTime wall) {
  if (!begun_) look_whether_begun();
  perform(now, wall, replica_.settle(now, wall));
  // An order that was a question until now goes out with this batch: nobody knows when the next one comes.
  if (replica_.is_asked()) perform(now, wall, replica_.settle(now, wall));
  return std::exchange(out_, {});
}

// Peers that are empty found the group together, when each has seen all (protocol/raft/founding.cpp): until
// then a majority is of no use.
void Host::look_whether_begun() {
  begun_ = replica_.raft().role() != raft::Role::founding;
  std::string text;
  if (!begun_ && !replica_.lone()) {
    const std::vector<NodeId> unseen = replica_.raft().not_met();
    for (std::size_t i = 0; i < unseen.size(); ++i) {
      const auto name = names_.find(unseen[i]);
      text += i == 0 ? "" : i + 1 == unseen.size() ? " and " : ", ";
      text += name == names_.end() ? "node " + std::to_string(unseen[i].value) : name->second;
    }
    text = unseen.empty() ? "not begun: this peer has not been taken in: see its log"
                          : "not begun: " + text + (unseen.size() == 1 ? " has" : " have") + " not been seen";
  }
  if (text == not_begun_) return;
  not_begun_ = text;
  sessions_.begins_when(text);
  meetings_.begins_when(std::move(text));
}

std::optional<Instant> Host::deadline() const {
  std::optional<Instant> next = replica_.deadline();
  for (const std::optional<Instant> other :
       {sessions_.deadline(), enrolments_.deadline(), meetings_.deadline()}) {
    if (other && (!next || *other < *next)) next = other;
  }
  return next;
}

void Host::perform(Instant now, WallTime wall, Actions actions) {
  const service::Machine& machine = replica_.machine();
  for (Action& action : actions) {
    if (auto* outcome = std::get_if<Outcome>(&action)) {
      if ((outcome->ticket & enrolled_mark) != 0) {
        perform(now, wall, enrolments_.on(now, *outcome, machine));
      } else if (outcome->ticket >= Meetings::first_ticket) {
        perform(now, wall, meetings_.on(now, *outcome, machine));
      } else {
        perform(now, wall, sessions_.on(now, *outcome, machine));
      }
    } else if (auto* applied = std::get_if<Applied>(&action)) {
      perform(now, wall, sessions_.on(now, *applied, replica_.client(), machine));
      perform(now, wall, sessions_.watched(*applied, machine, wall));
      perform(now, wall, enrolments_.on(now, *applied, replica_.client(), machine));
      perform(now, wall, meetings_.on(now, *applied, replica_.client()));
      out_.push_back(std::move(*applied));  // for history and for invariants
    } else if (auto* replaced = std::get_if<Replaced>(&action)) {
      perform(now, wall, sessions_.on(now, *replaced, machine));
      perform(now, wall, sessions_.watched(*replaced, machine, wall));
      perform(now, wall, enrolments_.on(now, *replaced, replica_.client(), machine));
      perform(now, wall, meetings_.on(now, *replaced, machine));
    } else if (auto* ready = std::get_if<QueryReady>(&action)) {
      const bool of_barrier = ready->ticket >= Meetings::first_ticket;
      perform(now, wall,
              of_barrier ? meetings_.on(*ready, machine, wall) : sessions_.on(*ready, machine, wall));
    } else if (auto* failed = std::get_if<QueryFailed>(&action)) {
      const bool of_barrier = failed->ticket >= Meetings::first_ticket;
      perform(now, wall, of_barrier ? meetings_.on(*failed) : sessions_.on(*failed));
    } else if (auto* changed = std::get_if<LeaderChanged>(&action)) {
      perform(now, wall, sessions_.quorum_is(now, changed->leader != NodeId{}));
      perform(now, wall, meetings_.quorum_is(now, changed->leader != NodeId{}));
      out_.push_back(std::move(*changed));
    } else if (auto* job = std::get_if<DiskJob>(&action)) {
      out_.push_back(std::move(*job));
    } else if (auto* speak = std::get_if<SpeakLevel>(&action)) {
      out_.push_back(*speak);
    } else if (auto* send = std::get_if<SendPeer>(&action)) {
      out_.push_back(std::move(*send));
    } else if (auto* report = std::get_if<Report>(&action)) {
      out_.push_back(std::move(*report));
    } else if (auto* halted = std::get_if<Halted>(&action)) {
      out_.push_back(std::move(*halted));
    }
  }
}

void Host::perform(Instant now, WallTime wall, std::vector<Submit> submits) {
  for (const Submit& submit : submits) perform(now, wall, replica_.step(now, wall, submit));
}

// A command or query that a session submits is queued by the replica and goes out when the batch is settled:
// it answers with nothing now, so the order of what stands in out_ is the order in which it came.
void Host::perform(Instant now, WallTime wall, SessionActions actions) {
  for (SessionAction& action : actions) {
    std::visit(
        [&](auto& concrete) {
          using T = std::decay_t<decltype(concrete)>;
          if constexpr (std::is_same_v<T, Submit> || std::is_same_v<T, Retract> || std::is_same_v<T, Query>) {
            perform(now, wall, replica_.step(now, wall, concrete));
          } else if constexpr (std::is_same_v<T, SessionOver>) {
            if (!meetings_.has(concrete.connection)) out_.push_back(concrete);
          } else {
            out_.push_back(std::move(concrete));
          }
        },
        action);
  }
}

}  // namespace coord::replica
