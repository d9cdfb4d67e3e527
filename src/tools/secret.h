/* secret: memory from malloc that held a password or a key, or a text with one in it, such as a description (its ice-pwd). */
#ifndef TOOLS_SECRET_H
#define TOOLS_SECRET_H

/* free(), but all of it is wiped first. p may be NULL. */
void secret_free(void *p);
/* From here on jansson frees by secret_free(). It may be called more than once. */
void secret_watch_json(void);

#endif
