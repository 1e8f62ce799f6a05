#include "service/hand_over.hpp"

#include <chrono>

namespace coord::service {

namespace {

constexpr std::size_t longest_name = 255;
constexpr std::size_t longest_command = 80;

class List {
 public:
  explicit List(std::size_t most) : most_(most) {}
  void add(const std::string& text) {
    ++counted_.all;
    if (counted_.some.size() < most_) counted_.some.push_back(text);
  }
  Counted take() { return std::move(counted_); }

 private:
  std::size_t most_;
  Counted counted_;
};

std::string in_words(const std::string& name, const Session* session) {
  if (session == nullptr) return name.substr(0, longest_name);
  const Owner& owner = session->owner;
  return name.substr(0, longest_name) + " (" + owner.user.substr(0, longest_command) + ", pid " +
         std::to_string(owner.pid) + ": " + owner.command.substr(0, longest_command) + ")";
}

std::string seconds(Duration length) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(length).count()) + " s";
}

}  // namespace

Counted holding(const Machine& machine, std::size_t most) {
  List list(most);
  const State& state = machine.state();
  for (const auto& [place, request] : state.requests) {
    if (request.token != Token{}) list.add(in_words(request.names.front(), machine.session(request.session)));
  }
  for (const auto& [name, leadership] : state.elections.leaderships) {
    if (const Candidate* leader = leadership.leading())
      list.add("leadership " + in_words(name, machine.session(leader->session)));
  }
  for (const auto& [name, barrier] : state.barriers.barriers) {
    for (const auto& [number, generation] : barrier.generations) {
      if (generation.stage != GenerationStage::gathering && !generation.over()) {
        list.add("barrier " + name);
        break;
      }
    }
  }
  return list.take();
}

Counted staying(const Machine& machine, std::size_t most) {
  List list(most);
  const State& state = machine.state();
  for (const auto& [name, book] : state.elections.books) {
    if (!book.remembers_slots()) continue;
    const std::size_t keys = book.slots.size() + (book.period.empty() ? 0 : 1);
    list.add("slots done of " + name + ": " + std::to_string(keys));
  }
  for (const auto& [token, hold] : state.lingering_holds) {
    const std::string name = hold.names.front().substr(0, longest_name);
    const LockTerms& terms = hold.terms;
    if (terms.period != Duration{}) {
      list.add("rate of " + name + ": " + std::to_string(terms.slots) + " in " + seconds(terms.period));
    } else {
      list.add("delay of " + name + ": " + seconds(std::max(terms.lock_delay, terms.min_hold)));
    }
  }
  for (const auto& [name, leadership] : state.elections.leaderships) {
    if (leadership.kept != Duration{})
      list.add("delay of leadership " + name + ": " + seconds(leadership.kept));
  }
  for (const auto& [name, nodes] : state.elections.enrolled) list.add("enrolment of " + name);
  return list.take();
}

}  // namespace coord::service
