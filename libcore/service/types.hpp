// SPDX-License-Identifier: MIT
// Lists of types, for what is made of all families (families.hpp): each says its own part, and what is of all
// of them is computed.
#pragma once

#include <type_traits>

namespace coord::service {

template <class... T>
struct Types {};

namespace types {

template <class... Lists>
struct Joined;
template <>
struct Joined<> {
  using type = Types<>;
};
template <class... T>
struct Joined<Types<T...>> {
  using type = Types<T...>;
};
template <class... T, class... U, class... More>
struct Joined<Types<T...>, Types<U...>, More...> : Joined<Types<T..., U...>, More...> {};

template <class List, class T>
inline constexpr bool contains = false;
template <class... U, class T>
inline constexpr bool contains<Types<U...>, T> = (std::is_same_v<T, U> || ...);

template <template <class...> class Template, class List>
struct Applied;
template <template <class...> class Template, class... T>
struct Applied<Template, Types<T...>> {
  using type = Template<T...>;
};

}  // namespace types

template <class... Lists>
using Join = typename types::Joined<Lists...>::type;

template <class List, class T>
inline constexpr bool contains = types::contains<List, T>;

// Template<T...> of Types<T...>.
template <template <class...> class Template, class List>
using Apply = typename types::Applied<Template, List>::type;

}  // namespace coord::service
