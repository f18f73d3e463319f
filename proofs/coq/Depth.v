(* effective-depth-chain-rule (docs/theory.md, From trees to measured models). *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base LogitTree.
Open Scope R_scope.

(* X leaves with masses w; leaf x passes through the nodes at x 0, .., at x (len x - 1) and takes symbol sym x t there *)
Section Depth.
Variables (X K n d : nat) (w : nat -> R) (len : nat -> nat) (at_ sym : nat -> nat -> nat) (q : nat -> nat -> R) (pos_of : nat -> nat).
Definition takes x v a := Σ t < len x, (if Nat.eqb (at_ x t) v then if Nat.eqb (sym x t) a then 1 else 0 else 0).
Let J := joint X takes w.
Let m v := mass X n takes w v.
Let c v a := cond X n takes w v a.
Hypothesis w_pos : forall x, (x < X)%nat -> 0 < w x.
Hypothesis nodes : forall x t, (x < X)%nat -> (t < len x)%nat -> (at_ x t < K)%nat /\ (sym x t < n)%nat.
Hypothesis q_pos : forall v a, 0 < q v a.                               (* the LM: conditional probabilities at every node *)
Hypothesis q_unit : forall v, Sum n (q v) <= 1.
Hypothesis positions : forall v, (v < K)%nat -> (pos_of v < d)%nat.       (* the layer of a node *)
(* the tree: what is taken at a node is the mass of the next node, the last one that of the leaf; the root has mass 1 *)
Hypothesis root : forall x, (x < X)%nat -> m (at_ x 0%nat) = 1.
Hypothesis inner_node : forall x t, (x < X)%nat -> (S t < len x)%nat -> J (at_ x t) (sym x t) = m (at_ x (S t)).
Hypothesis leaf_node : forall x t, (x < X)%nat -> S t = len x -> J (at_ x t) (sym x t) = w x.
Hypothesis some_length : forall x, (x < X)%nat -> (0 < len x)%nat.

Lemma takes_nonneg x v a : 0 <= takes x v a.
Proof. apply Sum_nonneg. intros. destruct (Nat.eqb (at_ x j) v), (Nat.eqb (sym x j) a); lra. Qed.
(* the code of a leaf under conditional probabilities r: one term for each of its symbols *)
Lemma code_path (r : nat -> nat -> R) x : (x < X)%nat -> code_of K n takes r x = Σ t < len x, - ln (r (at_ x t) (sym x t)).
Proof.
  intros Hx. unfold code_of, takes.
  rewrite (Sum_ext K _ (fun v => Σ t < len x, (if Nat.eqb v (at_ x t) then - ln (r v (sym x t)) else 0))).
  - rewrite Sum_swap. apply Sum_ext. intros t Ht. destruct (nodes x t Hx Ht) as [Hv _].
    apply (Sum_delta K (at_ x t) (fun v => - ln (r v (sym x t))) Hv).
  - intros v Hv. rewrite (Sum_ext n _ (fun a => Σ t < len x, (if Nat.eqb v (at_ x t) then if Nat.eqb a (sym x t) then - ln (r v a) else 0 else 0))).
    + rewrite Sum_swap. apply Sum_ext. intros t Ht. destruct (nodes x t Hx Ht) as [_ Ha]. destruct (Nat.eqb v (at_ x t)).
      * apply (Sum_delta n (sym x t) (fun a => - ln (r v a)) Ha). * apply Sum_zero; auto.
    + intros a Ha. rewrite Rmult_comm, <- Sum_scal. apply Sum_ext. intros t Ht. rewrite (Nat.eqb_sym v), (Nat.eqb_sym a).
      destruct (Nat.eqb (at_ x t) v), (Nat.eqb (sym x t) a); ring.
Qed.
Lemma J_pos x t : (x < X)%nat -> (t < len x)%nat -> 0 < J (at_ x t) (sym x t).
Proof.
  intros Hx Ht. unfold J, joint. apply (Sum_pos X _ x); auto.
  - intros y Hy. apply Rmult_le_pos; [left; auto|apply takes_nonneg].
  - apply Rmult_lt_0_compat; auto. unfold takes. apply (Sum_pos (len x) _ t); auto.
    + intros s Hs. destruct (Nat.eqb (at_ x s) (at_ x t)), (Nat.eqb (sym x s) (sym x t)); lra.
    + rewrite !Nat.eqb_refl. lra.
Qed.
(* under the tree's own conditionals the terms telescope to - ln of the leaf's mass *)
Lemma own_code x : (x < X)%nat -> code_of K n takes c x = - ln (w x).
Proof.
  intros Hx. rewrite code_path by auto.
  assert (G : forall k, (S k <= len x)%nat -> (Σ t < S k, - ln (c (at_ x t) (sym x t))) = - ln (J (at_ x k) (sym x k))).
  { induction k as [|k IH]; intros Hk.
    - simpl. unfold c, cond. fold (J (at_ x 0%nat) (sym x 0%nat)) (m (at_ x 0%nat)). rewrite root by auto.
      replace (J (at_ x 0%nat) (sym x 0%nat) / 1) with (J (at_ x 0%nat) (sym x 0%nat)) by field. ring.
    - change (Sum (S (S k)) ?f) with (Sum (S k) f + f (S k)). cbn [Sum] in *. rewrite IH by lia. unfold c at 1, cond.
      fold (J (at_ x (S k)) (sym x (S k))) (m (at_ x (S k))). rewrite <- inner_node by (auto; lia).
      rewrite ln_quot by (apply J_pos; auto; lia). ring. }
  specialize (G (pred (len x))). replace (S (pred (len x))) with (len x) in G by (specialize (some_length x Hx); lia).
  rewrite G by auto. rewrite leaf_node; auto. specialize (some_length x Hx). lia.
Qed.
Variable model : nat -> R.                                                (* the LM's probability of a leaf: the product along its path *)
Hypothesis model_pos : forall x, (x < X)%nat -> 0 < model x.
Hypothesis model_path : forall x, (x < X)%nat -> ln (model x) = Σ t < len x, ln (q (at_ x t) (sym x t)).
Definition excess kappa := Σ v < K, (if Nat.eqb (pos_of v) kappa then m v * KL n (c v) (q v) else 0).
Lemma m_nonneg v : 0 <= m v.
Proof. apply Sum_nonneg; intros. apply Sum_nonneg; intros. apply Rmult_le_pos; [left; auto|apply takes_nonneg]. Qed.
Lemma excess_nonneg kappa : 0 <= excess kappa.
Proof.
  apply Sum_nonneg. intros v Hv. destruct (Nat.eqb (pos_of v) kappa); [|lra]. destruct (m_nonneg v) as [P|<-]; [|lra].
  apply Rmult_le_pos; [lra|]. assert (J0 : forall a, 0 <= J v a) by (intros; apply Sum_nonneg; intros; apply Rmult_le_pos; [left;
    auto|apply takes_nonneg]).
  apply gibbs; intros; try (left; auto; fail).
  - unfold c, cond. apply Rdiv_pos; auto.
  - auto.
  - replace (Sum n (c v)) with 1; auto. unfold c, cond. fold (m v). rewrite (Sum_ext n _ (fun a => / m v * J v a)) by (intros; unfold Rdiv, J; ring).
    rewrite Sum_scal. change (Sum n (J v)) with (m v). field. lra.
Qed.
Lemma excess_total : (Σ kappa < d, excess kappa) = KL X w model.
Proof.
  unfold excess. rewrite Sum_swap.
  rewrite (Sum_ext K _ (fun v => m v * - (Σ a < n, c v a * ln (q v a)) - m v * - (Σ a < n, c v a * ln (c v a)))).
  - rewrite Sum_minus. unfold m, c. rewrite <- !(chain_rule X K n takes w) by (auto using takes_nonneg; intros; left; auto).
    rewrite <- Sum_minus. unfold KL. apply Sum_ext. intros x Hx. fold c. rewrite own_code by auto.
    assert (E : code_of K n takes q x = - ln (model x)) by (rewrite code_path, Sum_opp, model_path by auto; reflexivity).
    rewrite E, ln_quot by auto. ring.
  - intros v Hv. rewrite (Sum_ext d _ (fun kappa => if Nat.eqb kappa (pos_of v) then m v * KL n (c v) (q v) else 0)) by (intros; rewrite Nat.eqb_sym;
      auto).
    rewrite (Sum_delta d (pos_of v) (fun _ => m v * KL n (c v) (q v))) by auto. unfold KL.
    rewrite (Sum_ext n _ (fun a => c v a * ln (c v a) - c v a * ln (q v a))), Sum_minus; [ring|].
    intros a Ha. assert (0 <= J v a) as [P|P] by (apply Sum_nonneg; intros; apply Rmult_le_pos; [left; auto|apply takes_nonneg]).
    + assert (0 < m v) by (unfold m, mass; apply (Sum_pos n _ a); auto; intros; apply Sum_nonneg; intros; apply Rmult_le_pos; [left;
        auto|apply takes_nonneg]).
      assert (0 < c v a) by (unfold c, cond; fold (m v) (J v a); pos). rewrite ln_quot by auto. ring.
    + unfold c, cond. fold (J v a). rewrite <- P. unfold Rdiv. ring.
Qed.
Definition entropy_at kappa := Σ v < K, (if Nat.eqb (pos_of v) kappa then m v * - (Σ a < n, c v a * ln (c v a)) else 0).
Lemma entropy_total : (Σ kappa < d, entropy_at kappa) = - Σ x < X, w x * ln (w x).
Proof.
  unfold entropy_at. rewrite Sum_swap, (Sum_ext K _ (fun v => m v * - (Σ a < n, c v a * ln (c v a)))).
  - unfold m, c. rewrite <- (chain_rule X K n takes w) by (auto using takes_nonneg; intros; left; auto).
    rewrite <- Sum_opp. apply Sum_ext. intros x Hx. fold c. rewrite own_code by auto. ring.
  - intros v Hv. rewrite (Sum_ext d _ (fun kappa => if Nat.eqb kappa (pos_of v) then m v * - (Σ a < n, c v a * ln (c v a)) else 0)) by (intros;
      rewrite Nat.eqb_sym; auto).
    apply (Sum_delta d (pos_of v) (fun _ => m v * - (Σ a < n, c v a * ln (c v a)))). auto.
Qed.
Theorem effective_depth_chain_rule : (Σ kappa < d, entropy_at kappa) = - (Σ x < X, w x * ln (w x)) /\
  (Σ kappa < d, excess kappa) = (Σ x < X, w x * ln (w x / model x)) /\ forall kappa, 0 <= excess kappa.
Proof. split; [exact entropy_total|split; [exact excess_total|exact excess_nonneg]]. Qed.
End Depth.

(* The same in arrays: at position x leaf j passes through node c and takes symbol g there where B j x c g is 1; the node has mass w x c, and the
   symbols have the probabilities P in the tree and G in the LM. *)
Lemma along (d K V M : nat) (B : nat -> nat -> nat -> nat -> R) (w : nat -> nat -> R) (P F : nat -> nat -> nat -> R) (p L : nat -> R) :
  (forall x c g, (x < d)%nat -> (c < K)%nat -> (g < V)%nat -> (Σ j < M, B j x c g * p j) = w x c * P x c g) ->
  (forall j, (j < M)%nat -> L j = Σ g < V, Σ c < K, Σ x < d, B j x c g * F x c g) ->
  (Σ x < d, Σ g < V, Σ c < K, w x c * P x c g * F x c g) = Σ j < M, p j * L j.
Proof.
  intros node H. symmetry. transitivity (Σ j < M, Σ g < V, Σ c < K, Σ x < d, F x c g * (B j x c g * p j)).
  - apply Sum_ext. intros j Hj. rewrite H, <- Sum_scal by auto. apply Sum_ext. intros g _. rewrite <- Sum_scal. apply Sum_ext. intros c _.
    rewrite <- Sum_scal. apply Sum_ext. intros; ring.
  - rewrite Sum_swap. transitivity (Σ g < V, Σ x < d, Σ c < K, w x c * P x c g * F x c g); [|apply Sum_swap].
    apply Sum_ext. intros g Hg. rewrite Sum_swap, (Sum_swap d K). apply Sum_ext. intros c Hc. rewrite Sum_swap. apply Sum_ext. intros x Hx.
    rewrite Sum_scal, node by auto. ring.
Qed.
Theorem effective_depth_chain_rule_arrays (d K V M : nat) (B : nat -> nat -> nat -> nat -> R) (w : nat -> nat -> R) (P G : nat -> nat -> nat -> R)
  (p q : nat -> R) : (forall x c, (x < d)%nat -> (c < K)%nat -> 0 <= w x c) ->
  (forall x c g, (x < d)%nat -> (c < K)%nat -> (g < V)%nat -> 0 < P x c g) -> (forall x c g, (x < d)%nat -> (c < K)%nat -> (g < V)%nat -> 0 < G x c g) ->
  (forall j, (j < M)%nat -> 0 < p j) -> (forall j, (j < M)%nat -> 0 < q j) ->
  (forall j, (j < M)%nat -> ln (p j) = Σ g < V, Σ c < K, Σ x < d, B j x c g * ln (P x c g)) ->
  (forall j, (j < M)%nat -> ln (q j) = Σ g < V, Σ c < K, Σ x < d, B j x c g * ln (G x c g)) ->
  (forall x c g, (x < d)%nat -> (c < K)%nat -> (g < V)%nat -> (Σ j < M, B j x c g * p j) = w x c * P x c g) ->
  (forall x c, (x < d)%nat -> (c < K)%nat -> (Σ g < V, P x c g) = 1) -> (forall x c, (x < d)%nat -> (c < K)%nat -> (Σ g < V, G x c g) <= 1) ->
  let h x := - Σ g < V, Σ c < K, w x c * P x c g * ln (P x c g) in let e x := Σ g < V, Σ c < K, w x c * P x c g * ln (P x c g / G x c g) in
  (Σ x < d, h x) = - (Σ j < M, p j * ln (p j)) /\ (Σ x < d, e x) = (Σ j < M, p j * ln (p j / q j)) /\ forall x, (x < d)%nat -> 0 <= e x.
Proof.
  intros Hw HP HG Hp Hq path path' node unit unit' h e. split; [|split].
  - unfold h. rewrite Sum_opp. f_equal. apply (along d K V M B w P (fun x c g => ln (P x c g)) p (fun j => ln (p j))); auto.
  - apply (along d K V M B w P (fun x c g => ln (P x c g / G x c g)) p (fun j => ln (p j / q j))); auto. intros j Hj.
    rewrite ln_quot, path, path', <- Sum_minus by auto. apply Sum_ext. intros g Hg. rewrite <- Sum_minus. apply Sum_ext. intros c Hc.
    rewrite <- Sum_minus. apply Sum_ext. intros x Hx. rewrite ln_quot by auto. ring.
  - intros x Hx. unfold e. rewrite Sum_swap. apply Sum_nonneg. intros c Hc.
    rewrite (Sum_ext V _ (fun g => w x c * (P x c g * ln (P x c g / G x c g)))), Sum_scal by (intros; ring). apply Rmult_le_pos; auto.
    apply (gibbs V (P x c) (G x c)); auto; [intros; left; auto|intros; left; auto|]. rewrite unit by auto. auto.
Qed.
