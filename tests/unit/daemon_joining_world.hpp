// SPDX-License-Identifier: MIT
// A group of one peer that votes, as a host that comes to it hears it.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/rule.hpp"
#include "daemon/introducing.hpp"
#include "daemon/joining.hpp"
#include "sim/disk.hpp"

namespace joining_test {

using namespace coord;
using namespace coord::daemon;

struct Without {
  explicit Without(const char* rule) { mutants::removed = rule; }
  Without(const Without&) = delete;
  Without& operator=(const Without&) = delete;
  ~Without() { mutants::removed.clear(); }
};

inline const std::string group(32, 'a'), another(32, 'b');

// A group of one peer that votes, alpha, as it answers; and hosts that answer for themselves.
struct World {
  World() {
    machine = service::StateMachine::at_level(2);
    REQUIRE(roster.found("alpha", {"10.0.0.1", 7411}).ok());
    settings.name = "delta";
    settings.join = {{"10.0.0.1", 7411}};
    settings.listen = {"", 7411};
  }

  Result<wire::Introduction> ask(const net::Address& address, const wire::IntroductionQuestion& question) {
    asked.push_back(question);
    on_disk.push_back(read_member_file(disk)->has_value());
    if (const auto living = lives.find(address.text()); living != lives.end()) {
      wire::Introduction answer;
      answer.name = living->second;
      answer.life = 77;
      return answer;
    }
    if (refuses || refusals-- > 0) return Error{ErrorKind::data, address.text(), "it refused our key", ""};
    if (address.text() != "10.0.0.1:7411" || silent > 0) {
      if (silent > 0) --silent;
      return Error{ErrorKind::unavailable, address.text(), "no answer in time", ""};
    }
    if (question.admit && on_admit) std::exchange(on_admit, {})();
    Introduced told = introduce(
        {"alpha", 5, id, begun, leads, roster, machine, founders,
         [this](NodeId node) { return node == is_out; }, [this](NodeId node) { return node == is_alive; },
         [this](NodeId node) { return node == learns; }},
        question, "10.0.0.4");
    if (told.removes != NodeId{}) is_out = removed = told.removes;
    if (told.removes != NodeId{} && on_removal) on_removal();
    if (told.admit && late) {  // it stands in the log after the next question only
      on_admit = [this, admit = *told.admit] {
        machine.apply(LogIndex{++last}, {.body = admit});
        for (const auto& [number, node] : std::map(roster.all()))
          if (node.name == admit.name) roster.remove(number);
        (void)roster.admit({admit.node, admit.name, *net::parse_address(admit.address)});
      };
      std::exchange(late, {})();
    } else if (told.admit) {
      const NodeId node = told.admit->node;
      machine.apply(LogIndex{++last}, {.body = *told.admit});
      if (machine.registration(node) == service::ClientId{last})
        (void)roster.admit({node, told.admit->name, *net::parse_address(told.admit->address)});
    }
    return told.answer;
  }

  Result<net::IntroducedBy> ask_any(const std::vector<net::Address>& all,
                                    const wire::IntroductionQuestion& question) {
    std::optional<Error> error;
    for (const net::Address& address : all) {
      auto answer = ask(address, question);
      if (answer) return net::IntroducedBy{address, *std::move(answer)};
      error = answer.error();
    }
    return *error;
  }

  Result<bool> again() { return join_again(disk, settings, asker()); }

  Status run() {
    settings.roster = {};
    return join(disk, settings, asker());
  }

  Asker asker() {
    return {[this](const net::Address& to, const auto& what) { return ask(to, what); },
            [this](const auto& all, const auto& what) { return ask_any(all, what); },
            [this](Duration) {
              begun = true;
              ++waits;
              if (on_wait) on_wait();
              if (waits > 100) throw std::runtime_error("it waits for ever");
            },
            [this] { return ++drawn; },
            net::Log([this](net::LogLevel, const std::string& line) { log += line + "\n"; }),
            [this](const std::string& host) {
              return unknown_for-- > 0 ? std::nullopt : std::optional(host == local);
            }};
  }

  sim::VirtualDisk disk{Random(1)};
  Settings settings;
  net::Roster roster;
  service::StateMachine machine;
  std::string id = group;
  bool begun = true;
  bool leads = true;  // somebody, as alpha sees it
  bool refuses = false;
  std::vector<NodeId> founders;
  NodeId is_out, is_alive, learns;
  NodeId removed;       // by --rejoin
  std::string local;    // an address of this host
  int unknown_for = 0;  // so often a name server has not answered
  int refusals = 0;
  int silent = 0;
  int waits = 0;
  std::uint64_t last = 0;
  std::uint64_t drawn = 1000;
  std::map<std::string, std::string> lives;  // by address: who is there, and not of this group's answers
  std::function<void()> on_wait, on_admit, on_removal;
  std::function<void()> late;  // the first that is admitted is so late, and this happens meanwhile
  std::vector<wire::IntroductionQuestion> asked;
  std::vector<bool> on_disk;  // which group it is of, when it asked
  std::string log;
};

}  // namespace joining_test
