// SPDX-License-Identifier: MIT
#include "replica/replicated_service.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "base/format.hpp"
#include "replica/admission.hpp"

namespace coord::replica {

ReplicatedService::ReplicatedService(std::unique_ptr<OrderedLog> log, SessionsConfig sessions)
    : log_(std::move(log)),
      voter_(dynamic_cast<const Replica*>(log_.get())),
      names_(sessions.names),
      desk_(std::make_unique<Desk>(std::move(sessions))) {}
ReplicatedService::ReplicatedService(Replica replica, SessionsConfig sessions)
    : ReplicatedService(std::make_unique<Replica>(std::move(replica)), std::move(sessions)) {}
ReplicatedService::ReplicatedService(ReplicatedService&&) noexcept = default;
ReplicatedService& ReplicatedService::operator=(ReplicatedService&&) noexcept = default;
ReplicatedService::~ReplicatedService() = default;

ServiceActions ReplicatedService::step(Instant now, WallTime wall, const ServiceEvent& event) {
  std::visit(
      [&]<class T>(const T& concrete) {
        if constexpr (std::is_same_v<T, FromTool>) {
          tool_said(now, wall, concrete);
        } else if constexpr (std::is_same_v<T, Recovered> || std::is_same_v<T, HeldElsewhere>) {
          perform(now, wall, desk_->on(now, concrete));
        } else if constexpr (std::is_same_v<T, ToolGone> || std::is_same_v<T, HoldersGone> ||
                             std::is_same_v<T, CommandGone>) {
          perform(now, wall, desk_->on(concrete));
        } else {
          if constexpr (std::is_same_v<T, Tick>) perform(now, wall, desk_->tick(now, log_->machine()));
          perform(now, wall, log_->step(now, wall, concrete));
        }
      },
      event);
  return std::exchange(out_, {});
}

void ReplicatedService::tool_said(Instant now, WallTime wall, FromTool event) {
  if (auto refused = admit(event.request, event.who.uid, event.who.user, log_->machine())) {
    out_.push_back(ToTool{event.connection, std::move(*refused)});
    return;
  }
  perform(now, wall, desk_->on(now, event, log_->machine(), wall));
}

ServiceActions ReplicatedService::settle(Instant now, WallTime wall) {
  if (!begun_ || !log_->trouble().empty() || !not_begun_.empty()) look_whether_begun();
  perform(now, wall, log_->settle(now, wall));
  // An order that was a question until now goes out with this batch: nobody knows when the next one comes.
  if (log_->is_asked()) perform(now, wall, log_->settle(now, wall));
  return std::exchange(out_, {});
}

// Peers that are empty found the group together, when each has seen all (protocol/raft/bootstrap.cpp): until
// then a majority is of no use.
void ReplicatedService::look_whether_begun() {
  begun_ = log_->has_begun();
  std::string text = log_->trouble();
  const bool lone = voter_ != nullptr && voter_->lone();
  if (!begun_ && !lone && text.empty()) {
    const std::vector<NodeId> unseen = log_->waits_for();
    for (std::size_t i = 0; i < unseen.size(); ++i) {
      const auto name = names_.find(unseen[i]);
      text += i == 0 ? "" : i + 1 == unseen.size() ? " and " : ", ";
      text += name == names_.end() ? fmt::format("node {}", unseen[i].value) : name->second;
    }
    text = unseen.empty()
               ? "not begun: this peer has not been taken in: see its log"
               : fmt::format("not begun: {}{} not been seen", text, unseen.size() == 1 ? " has" : " have");
  }
  if (text == not_begun_) return;
  not_begun_ = text;
  desk_->begins_when(std::move(text));
}

std::optional<Instant> ReplicatedService::deadline() const {
  const std::optional<Instant> log = log_->deadline(), desk = desk_->deadline();
  return log && desk ? std::min(*log, *desk) : log ? log : desk;
}

// What the replica answers is for the desk, or for the driver; some of it for both.
void ReplicatedService::perform(Instant now, WallTime wall, Actions actions) {
  const service::StateMachine& machine = log_->machine();
  for (Action& action : actions) {
    std::visit(
        [&]<class T>(T& concrete) {
          if constexpr (std::is_same_v<T, Outcome>) {
            perform(now, wall, desk_->on(now, concrete, machine));
          } else if constexpr (std::is_same_v<T, Applied> || std::is_same_v<T, Replaced>) {
            perform(now, wall, desk_->on(now, concrete, log_->client(), machine, wall));
            // For history and for invariants.
            if constexpr (std::is_same_v<T, Applied>) out_.push_back(std::move(concrete));
          } else if constexpr (std::is_same_v<T, QueryReady>) {
            perform(now, wall, desk_->on(concrete, machine, wall));
          } else if constexpr (std::is_same_v<T, QueryFailed>) {
            perform(now, wall, desk_->on(concrete));
          } else {
            if constexpr (std::is_same_v<T, LeaderChanged>)
              perform(now, wall, desk_->quorum_is(now, concrete.leader != NodeId{}));
            out_.push_back(std::move(concrete));
          }
        },
        action);
  }
}

// A command or query that a session submits is queued by the replica and goes out when the batch is settled:
// it answers with nothing now, so the order of what stands in out_ is the order in which it came.
void ReplicatedService::perform(Instant now, WallTime wall, SessionActions actions) {
  for (SessionAction& action : actions) {
    std::visit(
        [&](auto& concrete) {
          using T = std::decay_t<decltype(concrete)>;
          if constexpr (std::is_same_v<T, Submit> || std::is_same_v<T, Retract> || std::is_same_v<T, Query>) {
            perform(now, wall, log_->step(now, wall, concrete));
          } else {
            out_.push_back(std::move(concrete));
          }
        },
        action);
  }
}

}  // namespace coord::replica
