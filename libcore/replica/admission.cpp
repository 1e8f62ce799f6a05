#include "replica/admission.hpp"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "service/ownership.hpp"

namespace coord::replica {

namespace {

template <class T>
concept NamesMany = requires(T& request) {
  { request.names } -> std::same_as<std::vector<std::string>&>;
};
template <class T>
concept NamesOne = requires(T& request) {
  { request.name } -> std::same_as<std::string&>;
};

// Of a request that names locks, leaderships or barriers: all of them.
std::vector<std::string*> names_in(local::Request& request) {
  std::vector<std::string*> names;
  std::visit(
      [&]<class T>(T& of) {
        if constexpr (NamesMany<T>) {
          for (std::string& name : of.names) names.push_back(&name);
        } else if constexpr (NamesOne<T>) {
          names.push_back(&of.name);
        }
      },
      request);
  return names;
}

// Only those change anything: the rest reads, or speaks of what the connection has already.
bool changes(const local::Request& request) {
  return std::visit(
      []<class T>(const T&) {
        return std::is_same_v<T, local::Acquire> || std::is_same_v<T, local::Arrive> ||
               std::is_same_v<T, local::Depose> || std::is_same_v<T, local::Stand> ||
               std::is_same_v<T, local::ResetBarrier>;
      },
      request);
}

std::uint64_t number_of(const local::Request& request) {
  return std::visit(
      [](const auto& of) -> std::uint64_t {
        if constexpr (requires { of.request; }) return of.request;
        return 0;
      },
      request);
}

}  // namespace

std::optional<local::Refused> admit(local::Request& request, std::uint32_t uid, const std::string& user,
                                    const service::Machine& machine) {
  const auto refuse = [&](local::RefusedKind kind, std::string why) {
    return local::Refused{number_of(request), kind, std::move(why)};
  };
  for (std::string* name : names_in(request)) {
    if (name->empty() || name->front() != '@') continue;
    *name = service::expand_own(*name, uid, user);
    if (name->size() > machine.limits().name_bytes)
      return refuse(local::RefusedKind::mismatch, "the name is too long with its user's: shorten it");
    if (changes(request) && !service::may_use(*name, uid, user))
      return refuse(local::RefusedKind::mismatch, "the name belongs to user " +
                                                      std::string(service::owner_in(*name)) +
                                                      ": names of your own begin with @/");
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
