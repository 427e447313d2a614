/*
 * list.h - a doubly linked list whose links live inside the elements. No allocation, O(1) removal.
 *
 * A head is a struct list that points to itself when empty. The elements belong to whoever made them.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "compiler.h"

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *l)
{
    l->prev = l->next = l;
}
static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}
static inline void list_insert_before(struct list *at, struct list *item)
{
    item->prev = at->prev;
    item->next = at;
    at->prev->next = item;
    at->prev = item;
}
static inline void list_push(struct list *head, struct list *item) /* at the end */
{
    list_insert_before(head, item);
}
static inline void list_remove(struct list *item) /* legal on an item that is in no list (after list_init) */
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}

#define list_entry(ptr, type, member) CONTAINER_OF(ptr, type, member)
#define list_first(head, type, member) (list_empty(head) ? NULL : list_entry((head)->next, type, member))
/* The current item may be removed in the body, no other one. */
#define list_foreach(head, type, it, member)                                                                           \
    for (type *it = list_entry((head)->next, type, member), *it##_next = list_entry(it->member.next, type, member);    \
         &it->member != (head); it = it##_next, it##_next = list_entry(it->member.next, type, member))

#endif
