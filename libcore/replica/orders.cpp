// SPDX-License-Identifier: MIT
#include "replica/orders.hpp"

#include <utility>
#include <variant>

#include "base/rule.hpp"

namespace coord::replica {

namespace {

template <class... F>
using WatchedOf = service::Join<typename F::Watched...>;
using Watched = service::Apply<WatchedOf, service::Families>;

const std::string& name_of(const service::AnyQuestion& question) {
  return std::visit([](const auto& of) -> const std::string& { return of.name(); }, question);
}

service::AnyView answer_to(const service::AnyQuestion& question, const service::StateMachine& machine) {
  service::AnyView view;
  std::visit(
      [&]<class Asked>(const Asked& asked) {
        service::for_each_family([&]<class F>() {
          if constexpr (service::contains<typename F::Questions, Asked>) view = machine.of<F>().answer(asked);
        });
      },
      question);
  return view;
}

}  // namespace

void Orders::asked(Instant now, const FromTool& event, const local::Order& order) {
  const ConnectionId id = event.connection;
  const std::uint64_t request = order.request;
  service::Body body;
  std::visit(
      [&](auto said) {
        said.uid = event.who.uid;
        said.user = event.who.user;
        body = std::move(said);
      },
      order.what);
  const std::uint64_t ticket = ledger_.submit(
      std::move(body), [this, id, request](const Ledger::Heard& heard) { ordered(heard.what, id, request); });
  ledger_.hurry(hurry_, ticket, now, [this, id, request, ticket](bool may_be_ordered) {
    if (may_be_ordered) {
      ledger_.refuse(id, request, local::RefusedKind::unknown,
                     "the quorum was lost meanwhile: look when it is back");
    } else {
      ledger_.refuse(id, request, local::RefusedKind::no_quorum, ledger_.no_quorum());
    }
    ledger_.withdraw(ticket);
  });
}

void Orders::ordered(const Outcome& event, ConnectionId id, std::uint64_t request) {
  const service::Outcome& what = event.what;
  if (!event.rejected.empty()) {
    ledger_.refuse(id, request, local::RefusedKind::limit, event.rejected);
  } else if (what.kind == service::OutcomeKind::done) {
    ledger_.tell(id, local::Ordered{request, true, {}, {}, what.token});
  } else if (what.kind == service::OutcomeKind::refused) {
    ledger_.tell(id,
                 local::Ordered{request, false, kind_of(what.why), service::describe(what.why), what.token});
  } else {
    ledger_.refuse(id, request, local::RefusedKind::unknown, "this peer was replaced while it asked: look");
  }
}

void Orders::asked(const FromTool& event, const local::Question& question,
                   const service::StateMachine& machine, WallTime wall) {
  const ConnectionId id = event.connection;
  if (question.stale) return show(id, question, machine, wall);
  ledger_.ask(id, question.request, ask_stale,
              [this, id, question](const service::StateMachine& known, WallTime at) {
                if (question.watch) {
                  stop_watching(id);
                  watching_.emplace(id, question);
                  watchers_[name_of(question.what)].insert(id);
                }
                show(id, question, known, at);
              });
}

void Orders::show(ConnectionId id, const local::Question& question, const service::StateMachine& machine,
                  WallTime wall) {
  ledger_.tell(id, local::Shown{question.request, wall, question.stale, answer_to(question.what, machine)});
}

void Orders::stop_watching(ConnectionId id) {
  const auto found = watching_.find(id);
  if (found == watching_.end()) return;
  const auto of_name = watchers_.find(name_of(found->second.what));
  of_name->second.erase(id);
  if (of_name->second.empty()) watchers_.erase(of_name);
  watching_.erase(found);
}

void Orders::on(const ToolGone& event) {
  stop_watching(event.connection);
}

void Orders::on(Instant now, const Applied& event, const service::StateMachine& machine, WallTime wall) {
  hurry_.committed(now);
  if (watchers_.empty()) return;
  for (const service::Effect& effect : event.effects) {
    std::visit(
        [&]<class T>(const T& changed) {
          if constexpr (service::contains<Watched, T>) {
            const auto found = watchers_.find(changed.name());
            if (found == watchers_.end()) return;
            for (const ConnectionId id : found->second) show(id, watching_.at(id), machine, wall);
          }
        },
        effect);
  }
}

void Orders::on(Instant now, const Replaced&, const service::StateMachine& machine, WallTime wall) {
  hurry_.committed(now);
  if (!COORD_RULE_OR(watch_shows_what_a_snapshot_brought, true, false)) return;
  for (const auto& [id, question] : watching_) show(id, question, machine, wall);
}

void Orders::quorum_is(Instant now, bool quorum) {
  hurry_.leader_is(now, quorum);
  ledger_.give_up_late(hurry_, now);
}

}  // namespace coord::replica
