// SPDX-License-Identifier: MIT
// From a struct of traits (traits.hpp) to an entry of the registry: where messages become bytes. Included by
// the .cpp files of the families only.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "classical/enums.hpp"
#include "classical/meaning.hpp"
#include "classical/registry.hpp"
#include "classical/traits.hpp"
#include "wire/archive.hpp"

namespace coord::classical {

// What an algorithm refuses; written once, not by each.
Error from_nobody(std::string_view algorithm, NodeId from);
Error unreadable_message(std::string_view algorithm, const Error& why);
Error unreadable_record(std::string_view algorithm, const std::string& key, const Error& why);
Error meaningless(std::string_view algorithm, ErrorKind kind, std::string_view what, const char* nonsense);
Error too_long(std::string_view algorithm);
Error not_its_wish(std::string_view algorithm, std::string_view wish);

template <class Traits>
class InstanceOf final : public Instance {
 public:
  using Core = typename Traits::Core;

  InstanceOf(const Setup& setup, Core core)
      : group_(setup.group), core_(std::move(core)), sequence_(setup.life << life_shift) {}

  Result<Actions> receive(Instant now, NodeId from, ByteView bytes) override {
    if (from == group_.self || !group_.knows(from)) return from_nobody(name_, from);
    auto message = wire::decode<typename Core::Message>(bytes);
    if (!message) return unreadable_message(name_, message.error());
    Meaning meaning(group_);
    meaning(*message);
    if (meaning.nonsense()) return meaningless(name_, ErrorKind::data, "a message ", meaning.nonsense());
    return step(now, typename Core::Receive{from, std::move(*message)});
  }
  Actions tick(Instant now) override { return step(now, typename Core::Tick{}); }
  Result<Actions> wish(Instant now, const Wish& wish) override {
    return std::visit([&](const auto& what) { return wished(now, what); }, wish);
  }

  std::optional<Instant> deadline() const override { return core_.deadline(); }
  std::set<NodeId> missing() const override {
    if constexpr (requires { core_.missing(); }) {
      return core_.missing();
    } else if constexpr (requires { core_.waits_for(); }) {
      return core_.waits_for();
    } else {
      return {};
    }
  }
  std::string state() const override { return Traits::state(core_); }
  std::optional<Bytes> proof() const override {
    if constexpr (requires { core_.proof(); }) {
      const auto message = core_.proof();
      if (message) return wire::encode(*message);
    }
    return std::nullopt;
  }
  bool holds_up(NodeId node) const override {
    if constexpr (requires { core_.holds_up(node); }) {
      return core_.holds_up(node);
    } else {
      return false;
    }
  }
  std::optional<Instant> granted_until() const override {
    if constexpr (requires { core_.granted_until(); }) {
      return core_.granted_until();
    } else {
      return std::nullopt;
    }
  }
  std::optional<Token> floor() const override {
    if constexpr (requires { core_.floor(); }) {
      return core_.floor();
    } else {
      return std::nullopt;
    }
  }

 private:
  static constexpr unsigned life_shift = 32;
  static constexpr std::string_view name_ = Traits::identity.name;

  template <class What>
  Result<Actions> wished(Instant now, const What& what) {
    if (longest(what) > value_limit) return too_long(name_);
    if constexpr (requires { Traits::event(what); }) {
      return begin(now, Traits::event(what));
    } else if constexpr (requires { Traits::event(what, sequence_); }) {
      return begin(now, Traits::event(what, ++sequence_));
    } else {
      return not_its_wish(name_, name_of(what));
    }
  }
  Result<Actions> begin(Instant now, const Result<typename Core::Event>& event) {
    if (!event) return event.error();
    Meaning meaning(group_);
    std::visit([&](const auto& what) { names_of(what, meaning); }, *event);
    if (meaning.nonsense()) return meaningless(name_, ErrorKind::usage, "a wish ", meaning.nonsense());
    return step(now, *event);
  }
  template <class What>
  static void names_of(const What& what, Meaning& meaning) {
    if constexpr (requires { what.processes; }) meaning(what.processes);
  }
  template <class What>
  static std::size_t longest(const What& what) {
    if constexpr (requires { what.payload; }) return what.payload.size();
    if constexpr (requires {
                    what.key;
                    what.value;
                  }) {
      return std::max(what.key.size(), what.value.value_or("").size());
    } else if constexpr (requires { what.key; }) {
      return what.key.size();
    }
    if constexpr (requires { what.value.size(); }) return what.value.size();
    return 0;
  }

  // A message to itself does not travel.
  Actions step(Instant now, const typename Core::Event& event) {
    Actions actions;
    std::deque<typename Core::Message> to_self;
    perform(core_.step(now, event), to_self, actions);
    while (!to_self.empty()) {
      typename Core::Receive own{group_.self, std::move(to_self.front())};
      to_self.pop_front();
      perform(core_.step(now, std::move(own)), to_self, actions);
    }
    return actions;
  }
  void perform(const typename Core::Actions& from, std::deque<typename Core::Message>& to_self, Actions& to) {
    for (const auto& action : from) {
      std::visit([&](const auto& what) { perform_one(what, to_self, to); }, action);
    }
  }
  template <class What>
  void perform_one(const What& what, std::deque<typename Core::Message>& to_self, Actions& to) {
    if constexpr (requires { Traits::type_of(what.message); }) {  // a Send
      if (what.to == group_.self) return to_self.push_back(what.message);
      if (!group_.knows(what.to)) return;
      to.push_back(Send{what.to, Traits::type_of(what.message), wire::encode(what.message)});
    } else if constexpr (requires { Traits::key(what); }) {
      to.push_back(Persist{Traits::key(what), wire::encode(typename Traits::Record(what))});
    } else {
      if (std::optional<Told> told = Traits::told(what)) to.push_back(Tell{std::move(*told)});
    }
  }

  Group group_;
  Core core_;
  std::uint64_t sequence_;  // of its user's wishes, where they are told apart: over all lives
};

template <class Traits>
Result<std::unique_ptr<Instance>> make_instance(const Setup& setup) {
  const auto wrap = [&](auto core) -> Result<std::unique_ptr<Instance>> {
    if (!core) return core.error();
    return std::unique_ptr<Instance>(new InstanceOf<Traits>(setup, std::move(*core)));
  };
  if constexpr (Stores<Traits>) {
    typename Traits::Durable durable;
    for (const auto& [key, bytes] : setup.stored) {
      auto record = wire::decode<typename Traits::Record>(bytes);
      if (!record) return unreadable_record(Traits::identity.name, key, record.error());
      std::visit([&](const auto& what) { Traits::apply(durable, what); }, *record);
    }
    return wrap(make_core<Traits>(setup, setup.stored.empty() ? nullptr : &durable));
  } else {
    return wrap(make_core<Traits>(setup));
  }
}

template <class Traits>
Result<MessageText> describe_message(ByteView bytes) {
  const auto message = wire::decode<typename Traits::Core::Message>(bytes);
  if (!message) return message.error();
  return MessageText{Traits::type_of(*message), Traits::describe(*message)};
}

template <class Traits>
Algorithm algorithm() {
  Algorithm made;
  made.identity = Traits::identity;
  made.options = {Traits::options.begin(), Traits::options.end()};
  made.types = {Traits::types.begin(), Traits::types.end()};
  made.proves = requires(const typename Traits::Core& core) {
    core.proof();
  };
  made.stores = Stores<Traits>;
  made.make = make_instance<Traits>;
  made.describe = describe_message<Traits>;
  return made;
}

}  // namespace coord::classical
