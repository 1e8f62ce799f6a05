// SPDX-License-Identifier: MIT
#include "replica/admission.hpp"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "base/format.hpp"
#include "service/ownership.hpp"

namespace coord::replica {

namespace {

// What a request names, and whether it changes anything of it: the rest reads, or speaks of what its
// connection has already. Each request says; one that does not does not compile.
struct Use {
  std::vector<std::string*> names{};
  bool changes = false;
};

struct UseOf {
  static Use change(std::string& name) { return {{&name}, true}; }
  static Use read(std::string& name) { return {{&name}, false}; }
  static Use all(std::vector<std::string>& names, bool changes) {
    Use use{{}, changes};
    for (std::string& name : names) use.names.push_back(&name);
    return use;
  }
  Use operator()(local::Acquire& of) const {
    Use use = all(of.names, true);
    if (of.put) use.names.push_back(&of.put->key);
    return use;
  }
  Use operator()(local::Order& of) const {
    return std::visit([](auto& said) { return change(said.name()); }, of.what);
  }
  Use operator()(local::Question& of) const {
    return std::visit([](auto& asked) { return read(asked.name()); }, of.what);
  }
  Use operator()(local::Arrive& of) const { return change(of.name); }
  Use operator()(local::Depose& of) const { return change(of.name); }
  Use operator()(local::Stand& of) const { return change(of.name); }
  Use operator()(local::ResetBarrier& of) const { return change(of.name); }
  Use operator()(local::ListLocks& of) const { return all(of.names, false); }
  Use operator()(local::ListLeaders& of) const { return all(of.names, false); }
  Use operator()(local::LetGo& of) const { return all(of.names, false); }
  Use operator()(local::ListHistory& of) const { return read(of.name); }
  Use operator()(local::WatchLeader& of) const { return read(of.name); }
  Use operator()(local::ListBarriers& of) const { return read(of.name); }
  Use operator()(local::Hello&) const { return {}; }
  Use operator()(local::Started&) const { return {}; }
  Use operator()(local::Cancel&) const { return {}; }
  Use operator()(local::Release&) const { return {}; }
  Use operator()(local::ListPeers&) const { return {}; }
  Use operator()(local::Resume&) const { return {}; }
  Use operator()(local::ListWaits&) const { return {}; }
  Use operator()(local::Break&) const { return {}; }
  Use operator()(local::Completed&) const { return {}; }
  Use operator()(local::Ended&) const { return {}; }
  Use operator()(local::RaiseLevel&) const { return {}; }
  Use operator()(local::HandOver&) const { return {}; }
  Use operator()(local::ToPart&) const { return {}; }
  Use operator()(local::OrderVoters&) const { return {}; }
  Use operator()(local::KeepVoters&) const { return {}; }
  Use operator()(local::MovePeer&) const { return {}; }
};

}  // namespace

std::uint64_t number_of(const local::Request& request) {
  return std::visit(
      []<class T>(const T& of) -> std::uint64_t {
        if constexpr (std::is_same_v<T, local::Hello>) {
          return 0;
        } else {
          return of.request;
        }
      },
      request);
}

std::optional<local::Refused> admit(local::Request& request, std::uint32_t uid, const std::string& user,
                                    const service::StateMachine& machine) {
  const auto refuse = [&](local::RefusedKind kind, std::string why) {
    return local::Refused{number_of(request), kind, std::move(why)};
  };
  const Use use = std::visit(UseOf{}, request);
  for (std::string* name : use.names) {
    if (name->empty() || name->front() != '@') continue;
    *name = service::expand_own(*name, uid, user);
    if (name->size() > machine.limits().name_bytes)
      return refuse(local::RefusedKind::mismatch, "the name is too long with its user's: shorten it");
    if (use.changes && !service::may_use(*name, uid, user))
      return refuse(local::RefusedKind::mismatch,
                    fmt::format("the name belongs to user {}: names of your own begin with @/",
                                service::owner_in(*name)));
  }
  if (const auto* acquire = std::get_if<local::Acquire>(&request);
      acquire != nullptr && acquire->candidacy && !acquire->names.empty() &&
      !machine.of<service::Elections>().may_preempt(acquire->names.front(), *acquire->candidacy, uid, user))
    return refuse(local::RefusedKind::mismatch, service::describe(service::Refusal::not_yours));
  if (const auto* reset = std::get_if<local::ResetBarrier>(&request);
      reset != nullptr && !machine.of<service::Barriers>().may_reset(reset->name, uid, user))
    return refuse(local::RefusedKind::mismatch, "other users take part: only root may reset it");
  return std::nullopt;
}

}  // namespace coord::replica
